"""Soft locks of the SDK over the real service: renewed while a block runs, kept over reconnects, seen by others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from dossier_realtime.client import DeniedError, DossierRealtimeClient, QueueFull, TimedOut
from dossier_realtime.client.state.effects import ShowPresence
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.client.together import field_lock
from dossier_realtime.protocol.documents.field_locks import (
    HeldLock,
    LockField,
    LockPayload,
    LockState,
    LockStatePayload,
    UnlockField,
)
from dossier_realtime.protocol.errors import ErrorCode
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.sdk.client_harness import run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("locks") / "data") as running:
        yield running
    running.assert_log_clean()


def _client(service: Service, user: str) -> DossierRealtimeClient:
    return DossierRealtimeClient(service.token(user, "write:*", name=user.title()), service.url)


def _holder(client: DossierRealtimeClient, channel: str, field: str) -> str | None:
    """Return who has a field, as a client is shown; None where it is free."""
    lock = client.presence(channel).locks.get(field)
    return None if lock is None else lock.user_id


def test_a_block_holds_a_field_and_the_next_one_has_it_after(service: Service) -> None:
    channel = "document:desk"

    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            _client(service, "bea") as bea,
            ali.document("desk"),
            bea.document("desk"),
        ):
            async with ali.hold(channel, "clause.3") as own:
                assert own.is_own
                await eventually_async(lambda: "clause.3" in bea.presence(channel).locks)
                assert bea.presence(channel).locks["clause.3"].name == "Ali"
                other = bea.hold(channel, "clause.3", seconds=9)
                await other.take()
                assert (other.is_own, other.holder.user_id) == (False, "ali")
            async with other:
                assert other.is_own
                await eventually_async(lambda: _holder(ali, channel, "clause.3") == "bea")
            await eventually_async(lambda: "clause.3" not in ali.presence(channel).locks)

    run(scene())


def test_who_waits_for_a_field_has_it_as_soon_as_it_is_free(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = "document:queue"
    monkeypatch.setattr(field_lock, "_RENEWALS", 0.01)  # of a lease: no renewal comes while this runs

    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            _client(service, "bea") as bea,
            ali.document("queue"),
            bea.document("queue"),
            ali.hold(channel, "clause.3", seconds=300) as first,
            bea.hold(channel, "clause.3", seconds=300) as second,
        ):
            assert not second.is_own
            await first.release()
            await eventually_async(lambda: second.is_own)

    run(scene())


def test_a_field_that_is_free_and_not_given_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_lock, "_RENEWALS", 0.001)  # of a lease: no renewal comes while this runs
    asked: list[str] = []
    watched: list[Callable[[ShowPresence], None]] = []
    taken = LockState(channel="dossier:mou:m1", payload=LockStatePayload(field="title", user_id="bea"))

    async def ask(command: LockField | UnlockField) -> LockState:
        asked.append(type(command).__name__)
        if len(asked) > 1:
            raise DeniedError(ErrorCode.PERMISSION_DENIED, "no right to write any more", command.channel)
        return taken

    def look(*fields: str) -> None:
        locks = {field: HeldLock(field=field, user_id="bea", name="Bea", expires_in=30) for field in fields}
        for watch in watched:
            watch(ShowPresence("dossier:mou:m1", PresenceState(locks=locks)))

    async def scene() -> None:
        async with field_lock.FieldLock("dossier:mou:m1", LockPayload("title", 300), ask, lambda: "ali", watched):
            for count in (2, 3):
                look("title")
                for _ in range(50):  # people join, and other fields are taken and released
                    look("summary")
                    await asyncio.sleep(0)
                await eventually_async(lambda now=count: len(asked) >= now)  # type: ignore[misc]
                assert asked == ["LockField"] * count

    run(scene())


def test_a_field_that_was_free_before_its_refusal_was_told_is_asked_for_again() -> None:
    """Presence may show the lock of another user to nobody: taken and released between two tellings of it."""
    asked: list[str] = []
    watched: list[Callable[[ShowPresence], None]] = []

    async def ask(command: LockField | UnlockField) -> LockState:
        asked.append(type(command).__name__)
        holder = LockStatePayload(field="title", user_id="bea" if len(asked) == 1 else "ali")
        return LockState(channel="dossier:mou:m1", payload=holder)

    async def scene() -> None:
        payload = LockPayload("title", 300)
        async with field_lock.FieldLock("dossier:mou:m1", payload, ask, lambda: "ali", watched) as lock:
            assert not lock.is_own
            for watch in watched:
                watch(ShowPresence("dossier:mou:m1", PresenceState(locks={})))
            await eventually_async(lambda: lock.is_own)
        assert asked == ["LockField", "LockField", "UnlockField"]

    run(scene())


def test_the_holder_stays_after_a_renewal_without_an_answer_and_goes_with_a_denial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(field_lock, "_RENEWALS", 10_000)  # of a lease
    channel = "dossier:mou:m1"
    answers: list[Exception | str] = ["ali"]
    asked = 0

    async def ask(command: LockField | UnlockField) -> LockState:
        nonlocal asked
        asked += 1
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return LockState(channel=channel, payload=LockStatePayload(field="title", user_id=answer, expires_in=300))

    async def scene() -> None:
        async with field_lock.FieldLock(channel, LockPayload("title", 300), ask, lambda: "ali", []) as lock:
            for answer in (
                TimedOut("no answer in time", "key"),
                DeniedError(ErrorCode.SERVICE_UNAVAILABLE, "try again later", channel),
                "bea",
                QueueFull("as many wait"),
            ):
                answers.append(answer)
                before = asked
                await eventually_async(lambda count=before: asked > count + 1)  # type: ignore[misc]
                assert lock.holder.user_id == ("ali" if "bea" not in answers else "bea")
            answers.append(DeniedError(ErrorCode.PERMISSION_DENIED, "no right to write any more", channel))
            await eventually_async(lambda: lock.holder == LockStatePayload(field="title"))

    run(scene())


@pytest.mark.parametrize("is_answered", [True, False])
def test_the_holder_goes_when_the_lease_is_over_that_was_told(
    monkeypatch: pytest.MonkeyPatch, *, is_answered: bool
) -> None:
    monkeypatch.setattr(field_lock, "_RENEWALS", 100)  # of a lease
    taken = LockStatePayload(field="title", user_id="ali", expires_in=1)
    asked: list[str] = []
    locks: list[field_lock.FieldLock] = []
    own: list[bool] = []

    async def ask(command: LockField | UnlockField) -> LockState:
        asked.append(type(command).__name__)
        own.extend(lock.is_own for lock in locks)
        if len(asked) > 1 and is_answered:
            raise TimedOut("no answer in time", "key")
        if asked[1:] == ["LockField"]:
            await asyncio.Event().wait()
        return LockState(channel="dossier:mou:m1", payload=taken)

    async def scene() -> None:
        payload = LockPayload("title", 5)
        lock = field_lock.FieldLock("dossier:mou:m1", payload, ask, lambda: "ali", [])
        locks.append(lock)
        async with lock:
            await eventually_async(lambda: len(asked) > 1)
            assert own[:2] == [False, True]  # when it was asked for, and when it was renewed first
            await eventually_async(lambda: lock.holder == LockStatePayload(field="title"))

    run(scene())


def test_a_lock_outlives_its_lease_while_its_block_runs(service: Service) -> None:
    channel = "dossier:mou:m7"

    async def scene() -> None:
        async with _client(service, "ali") as ali, _client(service, "bea") as bea:
            subscription = ali.subscribe(channel)
            await subscription.ready()
            watching = bea.subscribe(channel, include_presence=True)
            await watching.ready()
            seen: list[bool] = []
            told: dict[int, object] = {}  # the answers to its renewals, by identity
            async with ali.hold(channel, "title", seconds=9) as lock:
                await eventually_async(lambda: "title" in bea.presence(channel).locks)
                while len(told) < 5:  # each after a third of the lease
                    told[id(lock.holder)] = lock.holder
                    seen.append("title" in bea.presence(channel).locks)
                    await asyncio.sleep(0.05)
            assert all(seen)
            assert lock.holder.user_id is None

    run(scene())


def test_a_lock_is_asked_for_again_on_the_next_connection(service: Service) -> None:
    channel = "document:shelf"

    async def scene() -> None:
        async with (
            _client(service, "ali") as ali,
            ali.document("shelf"),
            ali.hold(channel, "title", seconds=300) as lock,
        ):
            service.restart()  # which forgets all locks
            async with _client(service, "bea") as bea, bea.document("shelf"):
                await eventually_async(lambda: "title" in bea.presence(channel).locks)
                assert bea.presence(channel).locks["title"].user_id == "ali"
            assert lock.is_own

    run(scene())
