"""The channels that a publisher is charged for: those that its events begin, and no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.core.domain.projections.action_links import ActionLinks
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance
from dossier_realtime.protocol.events import DossierUpdate, DossierUpdatePayload, Event
from dossier_realtime.protocol.fields import Actor
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator

BY = Identity("u1", "Nora", "editor", None, (), Clearance.INTERNAL, 10**10)


def now() -> Instant:
    return Instant(time.monotonic(), time.time())


def charged(folder: Path, act: Callable[[EventPublisher], Awaitable[object]]) -> int:
    """Return the channels that the user is charged for after `act`."""

    async def scene() -> int:
        rates = RateLimiter(window=86_400.0)
        engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=now)
        try:
            publisher = EventPublisher(
                engine.broker,
                engine.alerts,
                ChannelPolicy(()),
                OpsAggregator("test"),
                lambda: True,
                Quotas(rates, now),
                Projections(engine.records, (), now, ActionLinks(("*",))),
            )
            await act(publisher)
            return rates.spent("u1", "channels", now().steady)[1]
        finally:
            await engine.close()

    return asyncio.run(scene())


def event(channel: str) -> tuple[str, Event]:
    payload = DossierUpdatePayload(
        entity_type="country",
        entity_id="SA",
        operation="update",
        fields_changed=["summary_en"],
        updated_by=Actor("u1", "Nora"),
        timestamp=1_700_000_000,
    )
    return channel, DossierUpdate(channel=channel, payload=payload)


def test_events_that_are_on_their_way_together_begin_their_channel_once(tmp_path: Path) -> None:
    async def act(publisher: EventPublisher) -> None:
        one, other = event("dossier:country:SA"), event("dossier:country:FR")
        await asyncio.gather(*(publisher.publish([one], BY) for _ in range(50)), publisher.publish([one, other], BY))

    assert charged(tmp_path, act) == 2


def test_a_channel_that_another_node_has_begun_is_not_charged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(publisher: EventPublisher) -> None:
        await publisher.publish([event("dossier:country:SA")], BY)
        monkeypatch.setattr(publisher._broker, "is_begun", lambda _: False)  # it has not heard of that yet
        for _ in range(20):
            await publisher.publish([event("dossier:country:SA")], BY)

    assert charged(tmp_path, act) == 1
