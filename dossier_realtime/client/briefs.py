"""Briefs on request: asking for one, following its progress, its result, cancelling it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import BriefCancelPayload, BriefRequestPayload, CancelBrief, RequestBrief
from dossier_realtime.protocol.events import (
    BriefComplete,
    BriefCompletePayload,
    BriefFailed,
    BriefProgress,
    BriefStarted,
)
from dossier_realtime.protocol.responses import Ack, BriefEnd

from .errors import BriefFailedError, ConnectionClosed
from .io.client_calls import ClientCalls

if TYPE_CHECKING:
    from .subscription import Subscription

BriefEvent = BriefStarted | BriefProgress | BriefComplete | BriefFailed
"""The events of one brief: its start, its steps, its one end."""


class BriefGeneration:
    """A brief that was asked for. Iterate over its events, or wait for its `result`.

    `async for` yields `BriefStarted`, then `BriefProgress`, then `BriefComplete` or `BriefFailed`, and stops; over all
    reconnects, each once. Leaving it early does not cancel the brief: that is `cancel`.
    """

    def __init__(
        self, request_id: str, subscription: Subscription, cancel: Callable[[str], Awaitable[BriefEnd]]
    ) -> None:
        self.request_id = request_id
        """The id that the service made, under which the brief can be read: `GET /v1/briefs/{request_id}`."""
        self._subscription, self._cancel = subscription, cancel
        self._events = self._follow()
        self._end: BriefComplete | BriefFailed | None = None

    def __aiter__(self) -> AsyncIterator[BriefEvent]:
        return self._events

    async def result(self) -> BriefCompletePayload:
        """Wait for the end, and return `brief_id`, `generation_time` (ms) and `confidence_score`.

        Raises BriefFailedError where the brief failed or was cancelled, and what the iteration of a subscription
        raises.
        """
        async for _ in self._events:
            pass
        if self._end is None:
            raise ConnectionClosed("The brief was no longer followed; read it by its request_id")
        if isinstance(self._end, BriefFailed):
            raise BriefFailedError(self._end.payload.error, fallback_available=self._end.payload.fallback_available)
        return self._end.payload

    async def cancel(self) -> BriefEnd:
        """Cancel the brief; return its end, as `DossierRealtimeClient.cancel_brief`."""
        return await self._cancel(self.request_id)

    async def _follow(self) -> AsyncIterator[BriefEvent]:
        try:
            async for event in self._subscription:
                if not isinstance(event, BriefEvent) or event.request_id != self.request_id:
                    continue
                if isinstance(event, BriefComplete | BriefFailed):
                    self._end = event
                    yield event
                    return
                yield event
        finally:
            self._subscription.unsubscribe()


class BriefCalls(ClientCalls):
    """The calls of a client about briefs."""

    async def request_brief(
        self,
        kind: str,
        entity_id: str,
        *,
        language: Literal["en", "ar"] = "en",
        entity_type: str | None = None,
        generator: str | None = None,
    ) -> BriefGeneration:
        """Ask for a brief about an entity that the user may read, and return it as soon as that is durable.

        `kind`: the type of the brief, such as `meeting`; `entity_type`: that of the entity, where `kind` does not name
        it; `generator`: `template`, or another one that the service has. The request is sent again after every
        reconnect until it is answered, under one idempotency key, and so takes effect once.

        Raises:
            ValueError: for an invalid type, id or language.
            DeniedError: where the user may not read the entity, the service has no such generator, or too many briefs
                wait (`retry_after` says how long).
            QueueFull, TimedOut, ConnectionClosed: as `send`.
        """
        await self.connect()
        key = uuid4().hex
        payload = BriefRequestPayload(kind, entity_id, language, entity_type, generator)
        # Before the request, so that none of its events is missed.
        subscription = self.subscribe(channels.user(self.user_id or ""))
        try:
            await subscription.ready()
            answer = await self._command(lambda ref: RequestBrief(payload=payload, ref=ref, idempotency_key=key), key)
        except BaseException:
            subscription.unsubscribe()
            raise
        assert isinstance(answer, Ack)  # noqa: S101  a request is answered by nothing else
        return BriefGeneration(answer.request_id or "", subscription, self.cancel_brief)

    async def cancel_brief(self, request_id: str) -> BriefEnd:
        """Cancel a brief of the client's user, and wait until that is durable.

        Returns its end: `cancelled`, or `complete` or `failed` where it had ended before. The message is sent again
        after every reconnect until it is answered; to cancel twice has no further effect.

        Raises:
            ValueError: for an invalid id.
            DeniedError: where the user has no such brief.
            QueueFull, TimedOut, ConnectionClosed: as `send`.
        """
        answer = await self._command(lambda ref: CancelBrief(payload=BriefCancelPayload(request_id), ref=ref))
        assert isinstance(answer, Ack)  # noqa: S101  a cancel is answered by nothing else
        return answer.ended or "cancelled"
