"""How an event is delivered is said by the service that knows it, and passes the engine unchanged."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.core.domain.projections.action_links import ActionLinks
from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.delivery_rules import TO_EVERYBODY, DeliveryRules
from app.engine.limits import EngineLimits
from app.engine.ports.documents import Version
from app.engine.ports.domain import AlertStore
from app.engine.ports.events import Publication
from app.node.delivery import NodeDelivery
from app.node.sockets.outbox import Outbox
from app.node.subscriptions.hub import Hub
from app.services.domain.projections import Projections
from app.services.publisher import EventPublisher
from app.services.quotas import Quotas
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.protocol.events import BriefProgress, BriefProgressPayload, Notification, NotificationPayload
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator
from tests.engine.conftest import Clock
from tests.engine.events import CHANNEL, Received, event

RULES = DeliveryRules(("cursor", CHANNEL, "ali"), exclude_user="ali", exclude_connection="c1")


@dataclass(eq=False)
class Reader:
    """A receiver that nothing is sent to."""

    user_id: str
    connection_id: str
    outbox: Outbox = None  # type: ignore[assignment]  # never written to here


@pytest.mark.parametrize(
    ("user", "connection", "receivers"),
    [
        ("", "", ["a1", "a2", "b1"]),
        ("ali", "", ["b1"]),
        ("", "a1", ["a2", "b1"]),
        ("bea", "a2", ["a1"]),
        ("nobody", "none", ["a1", "a2", "b1"]),
    ],
)
def test_an_excluded_user_or_connection_is_no_receiver(user: str, connection: str, receivers: list[str]) -> None:
    hub = Hub[Reader]()
    for reader in (Reader("ali", "a1"), Reader("ali", "a2"), Reader("bea", "b1")):
        hub.add(CHANNEL, reader, 0)
        hub.resume(CHANNEL, reader)
    found = hub.live(CHANNEL, exclude_user=user, exclude_connection=connection)
    assert [one.connection_id for one in found] == receivers


def test_the_engine_hands_the_rules_on_with_what_is_durable_and_what_is_not(tmp_path: Path) -> None:
    async def scene() -> None:
        engine = await open_engine("embedded", tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        received = Received()
        engine.broker.start(received)
        try:
            for durable in (True, False):
                await engine.broker.publish([replace(event(1, durable=durable), delivery=RULES)])
            await engine.documents.append("document:1", 0, [Version(b'{"type":"x"}', "ali", None, "c1")])
        finally:
            await engine.close()
        assert [one.delivery for one in received.on(CHANNEL)] == [RULES, RULES]
        (version,) = received.on("document:1")
        assert version.delivery == DeliveryRules(exclude_connection="c1")

    asyncio.run(scene())


def test_the_publisher_says_what_a_later_event_replaces() -> None:
    quotas, clock = Quotas(RateLimiter(), Clock()), OpsAggregator("n1")
    alerts: AlertStore = None  # type: ignore[assignment]  # not asked for entries
    none = Projections(None, (), lambda: Instant(0.0, 0.0), ActionLinks(["*"]))  # type: ignore[arg-type]  # likewise
    publisher = EventPublisher(None, alerts, ChannelPolicy([]), clock, lambda: True, quotas, none)  # type: ignore[arg-type]  # likewise
    text = Localized("a", "ب")
    moves = BriefProgress(request_id="r1", payload=BriefProgressPayload("analyzing", 5, text))
    told = Notification(priority="low", payload=NotificationPayload(id="n", title=text, message=text))
    first, second = asyncio.run(publisher.prepared([("user:ali", moves), ("user:ali", told)])).entries
    assert first.delivery == DeliveryRules(conflation_key=("progress", "r1"))
    assert second.delivery is TO_EVERYBODY


def test_delivery_reads_neither_the_frame_nor_the_name_of_a_channel() -> None:
    source = inspect.getsource(NodeDelivery.deliver) + inspect.getsource(NodeDelivery._deliver_event)
    assert "channels." not in source
    assert "startswith" not in source
    assert "frame[" not in source
    assert Publication("ops:nodes", "", 0, b"{}").delivery is TO_EVERYBODY
