"""`POST /v1/briefs/{request_id}/cancel`: the HTTP twin of `brief_cancel` (docs/protocol.md#briefs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from app.services.errors import Unavailable
from app.web.operators.operator_handler import OperatorHandler
from dossier_realtime.protocol.authorization import decide_operator
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb


class BriefCancelHandler(OperatorHandler):
    """Cancellation by the brief's owner or by `admin:*`; 200 with the end, also if it had ended before."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("cancel_brief",)}

    level = HIGHEST

    async def post(self, request_id: str) -> None:
        """Cancel the brief."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(request_id) or not self.check_empty_body():
            return
        briefs = self.context.domain.briefs
        started, everywhere = self.now(), decide_operator(identity).allowed
        try:
            ended = await briefs.cancel(request_id, identity, self.act, on_behalf=everywhere)
        except Unavailable:
            self.unavailable()
            return
        if ended is None and everywhere:
            self.refuse(404, ErrorCode.NOT_FOUND, "There is no such brief")
        elif ended is None:
            self.refuse(403, ErrorCode.PERMISSION_DENIED, "Insufficient permissions for this call")
        else:
            self.unchanged = ended.result is None
            self.level = briefs.level(ended.brief)
            if ended.result is not None:
                self.record_published([ended.result], started)
            self.answer({"request_id": request_id, "ended": ended.brief.ended})
