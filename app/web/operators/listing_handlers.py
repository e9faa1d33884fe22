"""The operators' lists of all sessions and all channels, in pages (docs/protocol.md#operators-calls)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from dossier_realtime.protocol.errors import ErrorCode

from .operator_handler import OperatorHandler
from .pages import first_after

_CHANNELS_PER_UNIT = 16  # names that are filtered in about the time of one message
_PLACE = re.compile(r"([0-9]{1,12}\.[0-9]{1,9})-([A-Za-z0-9._-]{1,64})")


class SessionListHandler(OperatorHandler):
    """`GET /v1/sessions?after=&limit=`: every open session, oldest first. `after` is the `next` of the page before."""

    polled = True

    async def get(self) -> None:
        """Answer with a page of sessions."""
        authorized = await self.authorize_list()
        if authorized is None:
            return
        identity, limit = authorized
        asked = self.get_query_argument("after", "")
        place = _PLACE.fullmatch(asked)
        if asked and place is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is what `next` of the page before says")
            return
        operations, turns = self.context.operations, self.context.bounds.turns
        records = {(record.started_at, record.session_id): record for record in await operations.operators.sessions()}
        after = None if place is None else (float(place[1]), place[2])
        keys, more = await first_after([list(records)], after, limit, lambda _: True, turns)
        rows: list[dict[str, Any]] = []
        for key in keys:
            row = msgspec.to_builtins(records[key])
            connection = operations.connections.connection(key[1])
            names = () if connection is None else connection.channels
            await turns.wait(1 + len(names) // _CHANNELS_PER_UNIT)
            if connection is not None:
                row["channels"] = sorted(name for name in names if self.may_show(identity, name))
                row["waiting_bytes"] = connection.waiting_bytes
            rows.append(row)
        following = {"next": f"{keys[-1][0]:.9f}-{keys[-1][1]}"} if more else {}
        self.answer({"sessions": rows, **following})


class ChannelListHandler(OperatorHandler):
    """`GET /v1/channels?after=&limit=`: every channel that is in use and that the caller may see, by name.

    In use: it has history, users present, subscribers or changed settings. `after` is a channel's name.
    """

    polled = True

    async def get(self) -> None:
        """Answer with a page of channels."""
        authorized = await self.authorize_list()
        if authorized is None:
            return
        identity, limit = authorized
        operations, turns = self.context.operations, self.context.bounds.turns
        asked = self.get_query_argument("after", "")
        positions, people = await operations.history.channels(), await operations.presence.counts()
        lists = [list(positions), list(people), operations.connections.channels(), list(self.policy.changed_channels())]
        names, more = await first_after(lists, asked, limit, lambda name: self.may_show(identity, name), turns)
        rows: list[dict[str, Any]] = []
        for name in names:
            await turns.wait()
            row = {"channel": name, "settings": self.policy.settings(name).payload(), "users": people.get(name, 0)}
            row["subscribers"] = operations.connections.subscribers(name)
            position = await operations.history.position(name)
            if position.offset and name in positions:
                row["position"] = {"epoch": position.epoch, "offset": position.offset}
            rows.append(row)
        self.answer({"channels": rows, **({"next": names[-1]} if more else {})})
