"""Briefs on request while the store refuses changes, or does not answer for those that it took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.briefs.job import BriefJob
from app.engine.ports.errors import KeyConflict, Unavailable
from app.lifecycle import Service
from app.services.briefs.generators.port import GenerationError
from app.services.briefs.jobs import BriefJobs
from app.services.briefs.messages import BROKEN
from app.services.briefs.workers import BriefOverError, ClaimedBrief, WorkerText
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.commands import BriefRequestPayload
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running

ALI = Identity("ali", "Ali", "editor", None, Grant.parse_all(["read:*"]), Clearance.INTERNAL, 10**10)
PROGRAM = Identity(
    "program", "Program", "service", None, Grant.parse_all(["write:user:*", "read:*"]), Clearance.INTERNAL, 10**10
)
ASKED = BriefRequestPayload("meeting", "SA", "en", entity_type="country")
FOR_PROGRAMS = msgspec.structs.replace(ASKED, generator="worker")
NO_EVENT = "no event"
RETRY = "app.services.briefs.runner._RETRY_SECONDS"


@pytest.fixture(autouse=True)
def tries_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the runner try again, and look for what it doubts, without the seconds in between."""
    monkeypatch.setattr(RETRY, 0.02)


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
        """Refuse the next commits with an event of a kind, or NO_EVENT."""
        self._left[kind] = times

    @property
    def is_done(self) -> bool:
        """Return whether all was refused that was to be."""
        return not any(self._left.values())

    async def _called(self, entries: Any, *more: Any, **named: Any) -> Any:
        kind = codec.type_of(entries[0].body) if entries else NO_EVENT
        if not self._left.get(kind):
            return await self._publish(entries, *more, **named)
        self._left[kind] -= 1
        if self._takes:
            await self._publish(entries, *more, **named)
        raise Unavailable("the test's store does not answer")

    async def ask(self, asked: BriefRequestPayload = ASKED, key: str = "k-1") -> str:
        """Ask for a brief; return its id."""
        return (await self.jobs.requests.request(asked, ALI, unrecorded, key)).job.request_id

    async def claim(self) -> ClaimedBrief:
        """Ask for a brief and claim it for a program."""
        await self.ask(FOR_PROGRAMS)
        claimed = await self.jobs.workers.claim((), PROGRAM, unrecorded)
        assert claimed is not None
        return claimed

    async def all_ended(self) -> list[str]:
        """Wait until no brief counts as open; return the states of all."""
        runner = self.jobs.runner
        await eventually_async(lambda: runner.open == runner.open_of(ALI.user_id) == 0)
        return [job.state for job in (await self.jobs.requests.page(ALI, None, 100)).jobs]


async def unrecorded(_: object) -> None:
    """Take an act that no test here asks for."""


@asynchronous
async def test_a_brief_survives_more_refusals_than_kills_of_its_process(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=False)
        store.refuse("brief_generation_progress", 3)
        request_id = await store.ask()
        assert await store.all_ended() == ["complete"]
        assert store.is_done
        kept = await store.jobs.ledger.find(request_id)
        assert kept is not None
        assert (kept.job.attempts, kept.job.error) == (1, None)


@asynchronous
async def test_a_request_whose_answer_was_lost_is_written_when_it_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RETRY, 2 * HANG_SECONDS)  # it is not found by looking for it
    async with running(tmp_path) as service:
        store = Store(service, takes=True)
        store.refuse("brief_generation_started", 1)
        with pytest.raises(Unavailable):
            await store.ask()
        assert await store.ask() == await store.ask()
        assert await store.all_ended() == ["complete"]


@asynchronous
async def test_a_request_whose_answer_was_lost_is_written_though_nobody_repeats_it(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=True)
        store.refuse("brief_generation_started", 1)
        with pytest.raises(Unavailable):
            await store.ask()
        assert await store.all_ended() == ["complete"]


@asynchronous
async def test_a_request_that_was_refused_counts_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=False)
        store.refuse("brief_generation_started", 1)
        with pytest.raises(Unavailable):
            await store.ask()
        assert await store.all_ended() == []


@asynchronous
async def test_another_request_under_the_same_key_ends_no_count_of_the_first(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        jobs: BriefJobs = service.node.services.brief_jobs
        briefs = service.node.services.briefs
        other = msgspec.structs.replace(FOR_PROGRAMS, entity_id="OM")
        both = [jobs.requests.request(asked, ALI, unrecorded, "k-1") for asked in (FOR_PROGRAMS, other)]
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert [isinstance(one, KeyConflict) for one in answers].count(True) == 1
        assert jobs.runner.open_of(ALI.user_id) == 1
        (job,) = (await jobs.requests.page(ALI, None, 100)).jobs
        await briefs.cancel(job.request_id, ALI, unrecorded)
        assert jobs.runner.open_of(ALI.user_id) == 0


@pytest.mark.parametrize("kind", ["brief_generation_complete", "brief_generation_failed"])
def test_an_end_by_a_program_whose_answer_was_lost_is_an_end(tmp_path: Path, kind: str) -> None:
    text = WorkerText("The capital changed.", "تغيّرت العاصمة.", (), 0.8, "")

    async def scenario() -> None:
        async with running(tmp_path) as service:
            store = Store(service, takes=True)
            claimed = await store.claim()
            store.refuse(kind, 1)
            workers, name, lease = store.jobs.workers, claimed.job.request_id, claimed.lease.token

            async def end() -> None:
                if kind == "brief_generation_complete":
                    await workers.complete(name, lease, text, PROGRAM, unrecorded)
                else:
                    await workers.fail(name, lease, BROKEN, unrecorded)

            with pytest.raises(Unavailable):
                await end()
            with pytest.raises(BriefOverError):
                await end()
            assert await store.all_ended() == [kind.rpartition("_")[2]]

    asyncio.run(scenario())


@asynchronous
async def test_a_brief_whose_claim_was_not_answered_waits_to_be_claimed_again(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=True)
        request_id = await store.ask(FOR_PROGRAMS)
        workers = store.jobs.workers
        store.refuse(NO_EVENT, 1)
        with pytest.raises(Unavailable):
            await workers.claim((), PROGRAM, unrecorded)
        claimed = await workers.claim((), PROGRAM, unrecorded)
        assert claimed is not None
        assert (claimed.job.request_id, claimed.job.attempts) == (request_id, 1)
        await workers.fail(request_id, claimed.lease.token, BROKEN, unrecorded)
        assert await store.all_ended() == ["failed"]


@asynchronous
async def test_a_brief_whose_claim_was_not_answered_waits_again_once_its_lease_runs_out(tmp_path: Path) -> None:
    """Nobody claims it any more: it fails as one that waits, and has no lease."""
    async with running(tmp_path, {"briefs.silence_seconds": 4}) as service:
        store = Store(service, takes=True)
        request_id = await store.ask(FOR_PROGRAMS)
        store.refuse(NO_EVENT, 1)
        with pytest.raises(Unavailable):
            await store.jobs.workers.claim((), PROGRAM, unrecorded)

        assert await store.all_ended() == ["failed"]
        kept = await store.jobs.ledger.find(request_id)
        assert kept is not None
        assert (kept.job.lease, kept.job.attempts) == (None, 0)


@asynchronous
async def test_a_cancellation_whose_answer_was_lost_ends_the_brief(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store = Store(service, takes=True)
        request_id = await store.ask(FOR_PROGRAMS)
        briefs: Any = service.engine.briefs
        cancel = briefs.cancel

        async def unanswered(*arguments: Any) -> None:
            await cancel(*arguments)
            raise Unavailable("the test's store does not answer")

        briefs.cancel = unanswered
        with pytest.raises(Unavailable):
            await service.node.services.briefs.cancel(request_id, ALI, unrecorded)
        assert await store.all_ended() == ["cancelled"]


@asynchronous
async def test_a_failure_is_told_once_the_store_takes_it_and_the_text_is_not_written_anew(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store, begun = Store(service, takes=False), list[str]()

        async def broken(job: BriefJob, *_: object) -> None:
            begun.append(job.request_id)
            raise GenerationError(BROKEN)

        template: Any = store.jobs.runner._generators["template"]
        template.write = broken
        store.refuse("brief_generation_failed", 3)
        request_id = await store.ask()
        assert await store.all_ended() == ["failed"]
        assert store.is_done
        assert begun == [request_id]


@asynchronous
async def test_a_document_that_the_store_does_not_take_now_fails_no_brief(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        store, documents, refused = Store(service, takes=False), service.engine.documents, list[str]()
        append = documents.append

        async def refusing(channel: str, *arguments: Any, **named: Any) -> object:
            if len(refused) < 3:
                refused.append(channel)
                raise Unavailable("the test's store takes no document")
            return await append(channel, *arguments, **named)

        documents.append = refusing  # type: ignore[method-assign]  # it refuses first
        request_id = await store.ask()
        assert await store.all_ended() == ["complete"]
        assert refused == 3 * [f"document:{request_id}"]
