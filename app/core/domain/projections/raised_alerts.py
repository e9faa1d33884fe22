"""Alerts that stand, whoever raised them: what the last event said of each commitment. Pure.

Programs raise alerts of commitments that are not registered here; who starts anew finds them in the list of commitments
(docs/protocol.md#lists-of-what-stands).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from app.core.domain.ownership import Authority, Claim, takes_over
from app.core.domain.projections.projection import Folded
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.events import AlertState, CommitmentAlert
from dossier_realtime.protocol.fields import Text

if TYPE_CHECKING:
    from dossier_realtime.protocol.events import Event

KIND: Final = "raised_alert"
ALL: Final = "all"
_MAX_NAMED: Final = 100  # recipients that are kept
_OPEN_SECONDS: Final = 180 * 86_400.0  # as long as the alert itself is kept after its last event
_SETTLED_SECONDS: Final = 30 * 86_400.0


class RaisedAlert(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert. `raised_to`: recipients of all levels; `by`: the user who acknowledged it; times in Unix seconds."""

    commitment_id: str
    mou_id: str
    title: Text
    responsible_department: Text
    due_date: str
    alert_level: int
    raised_at: int
    raised_to: tuple[str, ...]
    next_level_at: int | None = None
    by: str = ""
    authority: int = 0
    """That of the sender who named the commitment last; 0 where it was not kept."""
    restarts: int = 0

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the recipients, that it was derived from beside its MoU's."""
        return tuple(channels.user(user) for user in self.raised_to)


class RaisedAlerts:
    """The projection of alerts: one record for each commitment.

    As in the store of alerts, nothing is kept of what a sender without authority said once another one takes over.
    """

    kind = KIND

    def key(self, channel: str, event: Event) -> str | None:
        """Return the key of the record of an alert."""
        return event.payload.commitment_id if isinstance(event, CommitmentAlert | AlertState) else None

    def fold(
        self, known: bytes | None, channel: str, event: Event, at: float, claim: Claim | None = None
    ) -> Folded | None:
        """Return the record of an alert after an event; levels never decrease, and a higher one opens it again."""
        before = None if known is None else decode(known)
        if before is not None and _begins_anew(before, event, claim):
            before = None
        after = _after(before, channel, event, at)
        if after is not None and claim is not None and isinstance(event, CommitmentAlert):
            after = structs.replace(after, authority=int(claim.authority))
        if after is None or after == before:
            return None
        order = f"{'1' if after.by else '0'}{after.due_date}"
        expires = at + (_SETTLED_SECONDS if after.by else _OPEN_SECONDS)
        return Folded(msgspec.json.encode(after), (ALL, mou_label(after.mou_id)), order, expires=expires)


def mou_label(mou_id: str) -> str:
    """Return the label of the alerts of an MoU."""
    return f"mou:{mou_id}"


def decode(body: bytes) -> RaisedAlert:
    """Return the alert of a record."""
    return msgspec.json.decode(body, type=RaisedAlert)


def _begins_anew(before: RaisedAlert, event: Event, claim: Claim | None) -> bool:
    if not isinstance(event, CommitmentAlert):
        return False
    if (event.payload.restarts or 0) > before.restarts:
        return True
    if claim is None or not before.authority:
        return False
    return takes_over(Claim(Authority(before.authority), ""), claim)


def _after(before: RaisedAlert | None, channel: str, event: Event, at: float) -> RaisedAlert | None:
    if isinstance(event, AlertState):
        state = event.payload
        if before is None or state.alert_level < before.alert_level:
            return before
        return structs.replace(before, by=state.acknowledged_by or "")
    assert isinstance(event, CommitmentAlert)  # noqa: S101  `key` names no other
    said, user = event.payload, channels.identifier(channel)
    users = (user,) if before is None else tuple(dict.fromkeys((*before.raised_to, user)))[:_MAX_NAMED]
    if before is not None and said.alert_level < before.alert_level:
        return structs.replace(before, raised_to=users)
    is_new = before is None or said.alert_level > before.alert_level
    day = datetime.fromtimestamp(at, UTC).date() + timedelta(days=said.days_until_deadline)
    return RaisedAlert(
        commitment_id=said.commitment_id,
        mou_id=said.mou_id,
        title=said.title,
        responsible_department=said.responsible_department,
        due_date=day.isoformat(),
        alert_level=said.alert_level,
        raised_at=int(at) if before is None or is_new else before.raised_at,
        raised_to=users,
        next_level_at=said.next_level_at,
        by="" if before is None or is_new else before.by,
        authority=0 if before is None else before.authority,
        restarts=said.restarts or 0 if before is None else before.restarts,
    )
