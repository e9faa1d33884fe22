"""The presence of a channel: the snapshot of `subscribed` and the changes after it, one immutable value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from msgspec import UNSET, structs

from dossier_realtime.protocol.documents.field_locks import HeldLock, LockState
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.protocol.responses import PresentUser, Roster


@dataclass(frozen=True, slots=True)
class PresenceState:
    """The users on a channel by id, in the order of joining. `count` is exact also where `users` is `truncated`.

    `locks`: the fields that users hold, by field, each with `user_id` and `name` of its holder.
    """

    count: int = 0
    users: Mapping[str, PresentUser] = field(default_factory=lambda: MappingProxyType({}))
    truncated: bool = False
    locks: Mapping[str, HeldLock] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, roster: Roster) -> PresenceState:
        """Return the state of a snapshot."""
        users = {user.user_id: user for user in roster.users}
        locks = {lock.field: lock for lock in roster.locks}
        return cls(roster.count, MappingProxyType(users), roster.truncated, MappingProxyType(locks))

    def after(self, change: PresenceJoin | PresenceLeave | PresenceUpdate | LockState) -> PresenceState:
        """Return the state after a change; `self` where it changes nothing."""
        match change:
            case PresenceJoin(payload=come):
                user = PresentUser(
                    user_id=come.user_id,
                    name=come.name,
                    role=come.role,
                    avatar=come.avatar,
                    status=come.status,
                    activity=come.activity,
                )
                known = come.user_id in self.users
                return self._with({**self.users, come.user_id: user}, self.count + (not known))
            case PresenceLeave(payload=gone):
                if gone.user_id in self.users:
                    users = {key: user for key, user in self.users.items() if key != gone.user_id}
                    return self._with(users, self.count - 1)
                # A user beyond the cut of the list is counted, but not known by name.
                return replace(self, count=self.count - 1) if self.count > len(self.users) else self
            case PresenceUpdate(payload=now):
                before = self.users.get(now.user_id)
                if before is None:
                    return self
                said = {name: getattr(now, name) for name in ("name", "role", "avatar", "status")}
                said = {name: value for name, value in said.items() if value is not UNSET}
                user = structs.replace(before, activity=now.activity, field=now.field, **said)
                return self._with({**self.users, now.user_id: user}, self.count)

            case LockState(payload=said):
                locks = {name: lock for name, lock in self.locks.items() if name != said.field}
                if said.user_id is not None:
                    locks[said.field] = HeldLock(
                        field=said.field,
                        user_id=said.user_id,
                        name=said.name or said.user_id,
                        expires_in=said.expires_in or 0,
                    )
                return replace(self, locks=MappingProxyType(locks))

    def _with(self, users: dict[str, PresentUser], count: int) -> PresenceState:
        truncated = self.truncated and count > len(users)
        return PresenceState(count, MappingProxyType(users), truncated, self.locks)
