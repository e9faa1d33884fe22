"""Cancelling briefs: over the socket by their owner, over HTTP by operators too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from app.core.domain import briefs as core
from app.engine.ports.errors import Moved, Unavailable
from app.journal.acts import Act
from dossier_realtime.recording.ops.ops_rows import BriefRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.domain.briefs import Brief
    from app.engine.ports.domain import BriefStore
    from app.engine.ports.events import PublishResult
    from app.journal.acts import RecordAct
    from app.services.briefs.ledger import BriefLedger
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


class EndedBrief(NamedTuple):
    """A brief that has ended, and the result of publishing its end; None where it had ended before."""

    brief: Brief
    result: PublishResult | None


class Briefs:
    """The cancellation of briefs; their owners and states are kept with the events that `EventPublisher` commits.

    `ended` is called with each brief that has ended, `doubted` with each that may have: the store did not answer.
    """

    def __init__(
        self,
        store: BriefStore,
        publisher: EventPublisher,
        aggregator: OpsAggregator,
        ledger: BriefLedger,
        ended: Callable[[str], None],
        doubted: Callable[[str], None],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._aggregator = aggregator
        self._ledger, self._ended, self._doubted = ledger, ended, doubted

    async def cancel(
        self, request_id: str, by: Identity, act: RecordAct, *, on_behalf: bool = False
    ) -> EndedBrief | None:
        """Cancel a brief, and notify its owner; return None where the user has no such brief.

        `on_behalf`: by an operator, who need not own it. Either must be allowed to read the owner's channel. `act`
        records the act before it is done. Raises Unavailable, and the errors of `act`.
        """
        recorded = False
        while True:
            brief = await self._store.find(request_id)
            if brief is None or not (on_behalf or by.user_id == brief.user_id):
                return None
            if not self._publisher.shown_to(by, (brief.channel,)):
                return None
            if not recorded:
                recorded = True
                before, after = {"ended": brief.ended}, {"ended": brief.ended or "cancelled"}
                await act(Act("cancel_brief", "brief", request_id, brief.channel, before=before, after=after))
                continue  # it may have moved meanwhile
            if brief.ended is not None:
                self._ended(request_id)  # where the answer to the first cancellation was lost
                return EndedBrief(brief, None)
            event = core.cancellation(brief, by.name)
            try:
                kept = await self._ledger.find(request_id)
                changes = [] if kept is None else [self._ledger.cancellation(kept)]
                ready = await self._publisher.prepared([(brief.channel, event)])
                (result,) = await self._store.cancel(brief, ready.entries, (*changes, *ready.changes))
            except Moved:
                continue  # it has ended meanwhile
            except Unavailable:
                self._doubted(request_id)
                raise
            self._ended(request_id)
            fact = self._publisher.derived((brief.channel,))
            self._aggregator.published(event, fact)
            self._aggregator.row(BriefRow(key=request_id, state="cancelled"), fact)
            return EndedBrief(replace(brief, ended="cancelled"), result)

    def level(self, brief: Brief) -> str:
        """Return the level of the owner's channel, for the journal."""
        return self._publisher.derived((brief.channel,)).level.label
