"""The guarantees that every backend of the document store gives."""

from __future__ import annotations

import asyncio
import json

import pytest

from app.engine.ports.documents import CommitExtras, EditsKnown, KnownOperation, OperationKey, Version
from app.engine.ports.engine import Engine
from app.engine.ports.errors import Moved, TipMoved
from app.engine.ports.events import Publication, PublicationEntry
from app.engine.ports.records import RecordChange
from tests.engine.conftest import Clock, Opener
from tests.harness.eventually import eventually_async

DOC = "document:1"


def version(n: int, op_id: str | None = None, user: str = "ali") -> Version:
    body = {"type": "remote_operation", "channel": DOC, "payload": {"version": n, "op_id": op_id}}
    return Version(json.dumps(body).encode(), user, op_id, digest=digest_of(op_id))


def digest_of(op_id: str | None) -> bytes:
    return f"of {op_id}".encode()


def keys(*op_ids: str, user: str = "ali") -> list[OperationKey]:
    return [OperationKey(user, op_id) for op_id in op_ids]


async def log(engine: Engine, after: int = 0) -> list[int]:
    page = await engine.broker.read(DOC, after, 10_000)
    assert [p.offset for p in page] == [json.loads(p.frame)["payload"]["version"] for p in page]
    return [publication.offset for publication in page]


def test_versions_are_committed_in_order_and_delivered_before_the_call_returns(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            seen: list[Publication] = []
            engine.broker.start(seen.extend)
            assert (await engine.broker.join(DOC)).offset == 0
            await engine.documents.append(DOC, 0, [version(1), version(2)])
            assert [(p.channel, p.offset) for p in seen] == [(DOC, 1), (DOC, 2)]
            assert all("offset" not in json.loads(p.frame) for p in seen)
            await engine.documents.append(DOC, 2, [version(3)])
            assert await log(engine) == [1, 2, 3]
        async with opened() as engine:
            assert await log(engine, 1) == [2, 3]

    asyncio.run(scene())


def test_an_append_on_another_tip_changes_nothing(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            await engine.documents.append(DOC, 0, [version(1)])
            for tip in (0, 2):
                with pytest.raises(TipMoved):
                    await engine.documents.append(DOC, tip, [version(tip + 1, "x")])
            assert await log(engine) == [1]
            assert await engine.documents.known(DOC, keys("x")) == {}

    asyncio.run(scene())


def test_of_contenders_for_one_tip_exactly_one_wins(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            tries = [engine.documents.append(DOC, 0, [version(1, f"op{n}")]) for n in range(20)]
            outcomes = await asyncio.gather(*tries, return_exceptions=True)
            assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
            assert len(await engine.documents.known(DOC, keys(*(f"op{n}" for n in range(20))))) == 1

    asyncio.run(scene())


def test_an_operation_is_known_by_its_last_version_over_a_restart(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            await engine.documents.append(DOC, 0, [version(1, "a"), version(2, "a"), version(3, "b", "bea")])
        async with opened() as engine:
            known = await engine.documents.known(DOC, [*keys("a", "b", "c"), *keys("b", user="bea")])
            (a,), (b,) = keys("a"), keys("b", user="bea")
            assert known == {a: KnownOperation(2, b"of a"), b: KnownOperation(3, b"of b")}
            assert await engine.documents.known("document:2", keys("a")) == {}

    asyncio.run(scene())


def test_an_edit_is_committed_once_and_nothing_beside_it_where_it_comes_again(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            await engine.documents.append(DOC, 0, [version(1, "a"), version(2, "b")])
            with pytest.raises(EditsKnown) as found:
                await engine.documents.append(DOC, 2, [version(3, "c"), version(4, "a"), version(5, "b", "bea")])
            (a,) = keys("a")
            assert found.value.known == {a: KnownOperation(1, b"of a")}
            assert await log(engine) == [1, 2]
            await engine.documents.append(DOC, 2, [version(3, "b", "bea")])

    asyncio.run(scene())


def test_the_log_is_cut_only_behind_a_snapshot(opened: Opener, clock: Clock) -> None:
    async def scene() -> None:
        async with opened(history_events=10, history_seconds=1.0) as engine:
            for n in range(0, 1_000, 100):
                await engine.documents.append(DOC, n, [version(n + k, f"op{n + k}") for k in range(1, 101)])
            clock.passed += 100
            await engine.documents.append(DOC, 1_000, [version(n) for n in range(1_001, 2_001)])
            assert await engine.documents.snapshot(DOC, 2_000) is None
            assert len(await log(engine)) == 2_000
            await engine.documents.keep_snapshot(DOC, 400, b"at 400")
            await engine.documents.keep_snapshot(DOC, 900, b"at 900")
            for n in range(2_000, 5_000, 500):
                clock.passed += 100
                await engine.documents.append(DOC, n, [version(n + k) for k in range(1, 501)])

            async def cut() -> bool:
                return (await engine.broker.position(DOC)).oldest >= 901

            await eventually_async(cut)
            assert (await engine.broker.position(DOC)).oldest == 901
            assert await engine.documents.snapshot(DOC, 5_000) == (900, b"at 900")
            assert await engine.documents.snapshot(DOC, 899) is None
            known = await engine.documents.known(DOC, keys("op1", "op901"))
            assert [one.version for one in known.values()] == [1, 901], "ids outlive the log"

    asyncio.run(scene())


def test_the_same_id_of_two_users_names_two_edits(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            await engine.documents.append(DOC, 0, [version(1, "x"), version(2, "x", "bea")])
        async with opened() as engine:
            known = await engine.documents.known(DOC, [*keys("x"), *keys("x", user="bea"), *keys("x", user="cem")])
            assert [(key.user_id, one.version) for key, one in known.items()] == [("ali", 1), ("bea", 2)]

    asyncio.run(scene())


def test_ids_go_after_their_time_and_not_before(opened: Opener, clock: Clock) -> None:
    async def scene() -> None:
        async with opened(idempotency_seconds=1_000.0) as engine:
            await engine.documents.append(DOC, 0, [version(n, f"old{n}") for n in range(1, 101)])
            clock.passed += 900
            await engine.documents.append(DOC, 100, [version(n, f"mid{n}") for n in range(101, 201)])
            assert len(await engine.documents.known(DOC, keys(*(f"old{n}" for n in range(1, 101))))) == 100
            clock.passed += 200
            await engine.documents.append(DOC, 200, [version(n, f"new{n}") for n in range(201, 401)])
            assert await engine.documents.known(DOC, keys(*(f"old{n}" for n in range(1, 101)))) == {}
            assert len(await engine.documents.known(DOC, keys(*(f"mid{n}" for n in range(101, 201))))) == 100

    asyncio.run(scene())


def test_ids_have_a_bound_in_bytes_and_the_oldest_go_first(opened: Opener) -> None:
    async def scene() -> None:
        async with opened(operation_id_bytes=100_000) as engine:
            for n in range(0, 3_000, 500):
                await engine.documents.append(DOC, n, [version(n + k, f"op{n + k}") for k in range(1, 501)])
            known = await engine.documents.known(DOC, keys(*(f"op{n}" for n in range(1, 3_001))))
            versions = [one.version for one in known.values()]
            assert versions == list(range(versions[0], 3_001))
            assert 1_000 <= len(versions) <= 1_100, "what 100,000 bytes hold, and what came since the last purge"

    asyncio.run(scene())


def test_a_history_ends_at_the_version_that_was_read_and_takes_nothing_of_another_one(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            engine.broker.start(lambda _: None)
            await engine.broker.join(DOC)
            await engine.documents.append(DOC, 0, [version(1)])
            old = await engine.broker.position(DOC)
            await engine.documents.append(DOC, 1, [version(2)], old.epoch)
            with pytest.raises(TipMoved):  # version 2 came behind what was read
                await engine.broker.renew_epoch(DOC, old)
            assert await log(engine) == [1, 2]
            await engine.broker.renew_epoch(DOC, await engine.broker.position(DOC))
            await engine.documents.append(DOC, 0, [version(1)])
            with pytest.raises(TipMoved):  # the same number, of another history
                await engine.documents.append(DOC, 1, [version(2)], old.epoch)
            with pytest.raises(TipMoved):
                await engine.broker.renew_epoch(DOC, old)
            now = await engine.broker.position(DOC)
            assert (now.offset, now.epoch != old.epoch) == (1, True)
            await engine.documents.append(DOC, 1, [version(2)], now.epoch)

    asyncio.run(scene())


def test_of_an_edit_and_a_deletion_at_once_one_is_done_and_the_other_refused(opened: Opener) -> None:
    async def scene() -> None:
        async with opened() as engine:
            engine.broker.start(lambda _: None)
            await engine.broker.join(DOC)
            for round_ in range(20):
                await engine.documents.append(DOC, 0, [version(1)])
                head = await engine.broker.position(DOC)
                deletion = asyncio.ensure_future(engine.broker.renew_epoch(DOC, head))
                if round_ % 2:
                    await asyncio.sleep(0)  # the deletion comes first
                edit = engine.documents.append(DOC, 1, [version(2)], head.epoch)
                outcomes = await asyncio.gather(edit, deletion, return_exceptions=True)
                assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [TipMoved]
                await engine.broker.renew_epoch(DOC)

    asyncio.run(scene())


def test_versions_and_what_belongs_to_them_are_committed_as_one_or_not_at_all(opened: Opener) -> None:
    """The records, and events that are not kept, which readers receive after the versions."""

    def extras(revision: int) -> CommitExtras:
        said = PublicationEntry(DOC, b'{"type":"said","channel":"document:1"}', durable=False)
        return CommitExtras([RecordChange("note", "n1", revision, b"%d" % revision)], [said])

    async def scene() -> None:
        async with opened() as engine:
            seen: list[Publication] = []
            engine.broker.start(seen.extend)
            await engine.broker.join(DOC)
            await engine.documents.append(DOC, 0, [version(1, "a"), version(2, "a")], extras=extras(0))
            assert [one.offset for one in seen] == [1, 2, 0]
            refused: list[tuple[int, str, int, type[Exception]]] = [
                (2, "b", 0, Moved),
                (1, "b", 1, TipMoved),
                (2, "a", 1, EditsKnown),
            ]
            for tip, op_id, revision, reason in refused:
                with pytest.raises(reason):
                    await engine.documents.append(DOC, tip, [version(3, op_id)], extras=extras(revision))
            both = [engine.documents.append(DOC, 2, [version(3, op)], extras=extras(1)) for op in "bc"]
            outcomes = await asyncio.gather(*both, return_exceptions=True)
            assert not isinstance(outcomes[0], Exception)
            assert isinstance(outcomes[1], Moved | TipMoved)
            assert [one.offset for one in seen] == [1, 2, 0, 3, 0]
            assert await log(engine) == [1, 2, 3]
        async with opened() as engine:
            record = (await engine.records.find("note", ["n1"]))["n1"]
            assert (record.revision, record.body, await log(engine)) == (2, b"1", [1, 2, 3])

    asyncio.run(scene())
