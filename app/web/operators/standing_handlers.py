"""The operators' lists of nodes and limits, as they stand now (docs/protocol.md#lists-of-what-stands)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.operator_lists import LimitPage, NodePage, NodeRow, StandingLimitRow

from .operator_handler import OperatorHandler
from .pages import first_after

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.node.sockets.turns import Turns

_PLACE = re.compile(r"[0-9][A-Za-z0-9._*~-]{1,128}")
_WINDOWS_PER_UNIT = 16  # that are looked at in about the time of one message
_RANKS = {"exceeded": 0, "warned": 1, "lifted": 2}


class StandingListHandler(OperatorHandler):
    """A list whose rows have a place as text: those that ask for attention first."""

    polled = True

    async def asked(self) -> tuple[str, int] | None:
        """Return the place after which the page begins, and its most rows; answer where there is neither."""
        authorized = await self.authorize_list()
        after = self.get_query_argument("after", "")
        if authorized is None:
            return None
        if after and _PLACE.fullmatch(after) is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "after is what `next` of the page before says")
            return None
        return after, authorized[1]

    @property
    def turns(self) -> Turns:
        """The bound on the work of one turn of the loop."""
        return self.context.bounds.turns


class NodeListHandler(StandingListHandler):
    """`GET /v1/nodes?after=&limit=`: every node that reported in the last minute."""

    async def get(self) -> None:
        """Answer with a page of nodes, those that take no connections first, then by name."""
        asked = await self.asked()
        if asked is None:
            return
        rows: dict[str, NodeRow] = {}
        for record in await self.context.operations.operators.nodes():
            is_ready = bool(record.values.get("ready"))
            rows[f"{int(is_ready)}{record.node}"] = NodeRow(record.node, record.at, is_ready, dict(record.values))
        keys, more = await _page(rows, *asked, self.turns)
        self.answer(NodePage([rows[key] for key in keys], keys[-1] if more else None))


class LimitListHandler(StandingListHandler):
    """`GET /v1/limits?after=&limit=`: the limits that users are at or past, and those that are lifted."""

    async def get(self) -> None:
        """Answer with a page of limits: exceeded ones, then warned, then lifted, each by user."""
        asked = await self.asked()
        if asked is None:
            return
        rows: dict[str, StandingLimitRow] = {}
        for looked_at, row in enumerate(self.context.operations.operators.limits(), start=1):
            if looked_at % _WINDOWS_PER_UNIT == 0:
                await self.turns.wait()
            if row is not None:
                rows[f"{_RANKS[row.state]}{row.user_id}~{row.rate_class}"] = row
        keys, more = await _page(rows, *asked, self.turns)
        names = await self.context.operations.operators.names() if keys else {}
        shown = [rows[key] for key in keys]
        for row in shown:
            row.name = names.get(row.user_id)
        self.answer(LimitPage(shown, keys[-1] if more else None))


async def _page(rows: Mapping[str, object], after: str, limit: int, turns: Turns) -> tuple[list[str], bool]:
    return await first_after([list(rows)], after, limit, lambda _: True, turns)
