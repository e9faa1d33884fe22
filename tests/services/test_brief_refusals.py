"""Briefs on request while the store refuses changes, or does not answer for those that it took."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.engine.ports.errors import Unavailable
from app.lifecycle import Service
from app.services.briefs.jobs import BriefJobs
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.commands import BriefRequestPayload
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running

ALI = Identity("ali", "Ali", "editor", None, Grant.parse_all(["read:*"]), Clearance.INTERNAL, 10**10)
ASKED = BriefRequestPayload("meeting", "SA", "en", entity_type="country")


@pytest.fixture(autouse=True)
def tries_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runner try again, and look for what it doubts, without the seconds in between."""
    monkeypatch.setattr("app.services.briefs.runner._RETRY_SECONDS", 0.02)


class Store:
    """The store's `publish` of a service. It says that it refused commits of some kinds of events.

    `takes`: it keeps them all the same, and only its answer is lost.
    """

    def __init__(self, service: Service, *, takes: bool) -> None:
        self.jobs: BriefJobs = service.node.services.brief_jobs
        self._takes, self._left = takes, dict[str, int]()
        broker: Any = service.engine.broker
        self._publish: Callable[..., Any] = broker.publish
        broker.publish = self._called

    def refuse(self, kind: str, times: int) -> None:
        """Refuse the next commits with an event of a kind."""
        self._left[kind] = times

    @property
    def is_done(self) -> bool:
        """Whether all was refused that was to be."""
        return not any(self._left.values())

    async def _called(self, entries: Any, *more: Any, **named: Any) -> Any:
        kind = codec.type_of(entries[0].body) if entries else ""
        if not self._left.get(kind):
            return await self._publish(entries, *more, **named)
        self._left[kind] -= 1
        if self._takes:
            await self._publish(entries, *more, **named)
        raise Unavailable("the test's store does not answer")

    async def ask(self, key: str) -> str:
        """Ask for a brief; return its id."""
        return (await self.jobs.requests.request(ASKED, ALI, unrecorded, key)).job.request_id

    async def state(self, request_id: str) -> str:
        kept = await self.jobs.ledger.find(request_id)
        assert kept is not None
        return kept.job.state


async def unrecorded(_: object) -> None:
    """Take an act that no test here asks for."""


@asynchronous
async def test_a_brief_survives_more_refusals_than_kills_of_its_process(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=False)
        store.refuse("brief_generation_progress", 3)
        request_id = await store.ask("k-1")
        await eventually_async(lambda: store.jobs.runner.open == 0)
        assert store.is_done
        kept = await store.jobs.ledger.find(request_id)
        assert kept is not None
        assert (kept.job.state, kept.job.attempts, kept.job.error) == ("complete", 1, None)
