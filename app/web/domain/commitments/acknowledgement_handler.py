"""`POST /v1/commitments/{id}/ack`: the HTTP twin of `alert_ack` (docs/protocol.md#commitment-alerts)."""

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


class CommitmentAckHandler(OperatorHandler):
    """Acknowledgement by a user who was alerted, or by `admin:*` on their behalf; 200 with the alert's state."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("acknowledge_alert",)}

    level = HIGHEST

    async def post(self, commitment_id: str) -> None:
        """Acknowledge the alert; the answer is the same where it was acknowledged before."""
        identity = await self.authenticate()
        if identity is None or not self.check_id(commitment_id) or not self.check_empty_body():
            return
        alerts = self.context.domain.alerts
        started, everywhere = self.now(), decide_operator(identity).allowed
        try:
            taken = await alerts.acknowledge(commitment_id, identity, self.act, self.reason, on_behalf=everywhere)
        except Unavailable:
            self.unavailable()
            return
        if taken is None and everywhere:
            self.refuse(404, ErrorCode.NOT_FOUND, "Nobody was alerted about this commitment")
        elif taken is None:
            self.refuse(403, ErrorCode.PERMISSION_DENIED, "Insufficient permissions for this call")
        else:
            self.unchanged = not taken.results
            self.level = taken.level.label
            if taken.results:
                self.record_published(taken.results, started)
            self.answer(taken.alert.state)
