"""What only the embedded engine can be asked: kills, full disks, clocks, and who may open its folder."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.domain.alerts import AlertRecipient
from app.core.ratelimit import RateLimiter
from app.engine.ages import Ages
from app.engine.build import open_engine
from app.engine.embedded.engine import EmbeddedEngine, open_embedded
from app.engine.embedded.events import history
from app.engine.embedded.events.event_log import EventLog
from app.engine.embedded.events.operation_ids import OperationIds
from app.engine.embedded.storage import schema
from app.engine.embedded.storage.schema import FILE, VERSION
from app.engine.limits import EngineLimits
from app.engine.ports.documents import KnownOperation, OperationKey, Version
from app.engine.ports.errors import EngineError, KeyConflict, Unavailable
from app.engine.ports.sessions import OpenedSession, SessionRecord
from tests.engine.conftest import Clock
from tests.engine.events import CHANNEL, OTHER, Received, event, frame, key, numbers
from tests.harness.eventually import HANG_SECONDS

ROOT = Path(__file__).parents[2]
DAY = 86_400.0


@asynccontextmanager
async def _opened(folder: Path, clock: Clock, **limits: float) -> AsyncIterator[EmbeddedEngine]:
    kept = EngineLimits(**limits)  # type: ignore[arg-type]  # some are whole numbers
    engine = await open_embedded(folder, limits=kept, rates=RateLimiter(), clock=clock)
    try:
        yield engine
    finally:
        await engine.close()


def _record(session_id: str) -> SessionRecord:
    return SessionRecord(session_id, "u1", "Name", "editor", "192.0.2.1", "n1", 0.0, 0)


# Kills


def _publish_and_kill(folder: Path, name: str, acks: int) -> dict[str, int]:
    """Return the acknowledgements that a publishing process printed before it was killed."""
    command = [sys.executable, "-m", "tests.engine.publisher_process", str(folder), name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acks)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    whole = [line.split() for line in lines if line.endswith("\n")]
    assert len(whole) >= acks, "the publishing process failed; its error is above"
    return {label: int(offset) for label, offset in whole}


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, clock: Clock) -> None:
    acked: dict[str, int] = {}

    async def check(name: str) -> None:
        async with _opened(tmp_path, clock) as engine:
            head = (await engine.broker.position(CHANNEL)).offset
            kept = await engine.broker.read(CHANNEL, 0, head)
            assert [p.offset for p in kept] == list(range(1, head + 1))
            offsets = {frame(p)["number"]: p.offset for p in kept}
            assert len(offsets) == head  # nothing twice
            assert acked.items() <= offsets.items()
            # Also a publish whose ack got lost is settled by its key, without a second effect.
            for label in [*list(acked)[-200:], *list(offsets)[-100:]]:
                (result,) = await engine.broker.publish([event(label)], key(label))
                assert result.offset == offsets[label]
            with pytest.raises(KeyConflict):
                await engine.broker.publish([event("x")], key(label, digest=b"other"))
            assert (await engine.broker.position(CHANNEL)).offset == head
            resumed = await engine.sessions.open(_record("new"), f"round-{name}", 10)
            assert resumed == OpenedSession(f"round-{name}", 1, None)

    for name in "abcde":
        acked |= _publish_and_kill(tmp_path, name, 300)
        asyncio.run(check(name))


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_costs_nothing_and_heals(small_disk: Path, clock: Clock) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * 1024))

    async def fill(engine: EmbeddedEngine, acked: dict[str, int]) -> None:
        for number in range(10_000):
            label = f"full-{number}"
            results = await engine.broker.publish([event(label, padding=3000)], key(label))
            acked[label] = results[0].offset or 0

    async def scenario() -> None:
        received, acked = Received(), dict[str, int]()
        async with _opened(small_disk, clock) as engine:
            engine.broker.start(received)
            await engine.broker.join(CHANNEL)
            with pytest.raises(Unavailable, match="free space"):
                await fill(engine, acked)
            assert len(acked) > 10
            refused = f"full-{len(acked)}"
            assert not engine.healthy()
            settings_refused = asyncio.ensure_future(
                engine.revocations.revoke(token_id="t1" * 40_000, user_id=None, at=0.0)
            )
            with pytest.raises(Unavailable):
                await settings_refused
            assert not engine.revocations.is_revoked("u1", "t1" * 40_000, 0)

            assert numbers(await engine.broker.read(CHANNEL, 0, 10_000)) == list(acked)
            assert numbers(received.on(CHANNEL)) == list(acked)

            ballast.unlink()
            while not engine.healthy():  # noqa: ASYNC110 - by itself: nobody publishes, and nobody tells
                await asyncio.sleep(0.05)
            (result,) = await engine.broker.publish([event(refused)], key(refused))
            assert result.offset == len(acked) + 1
            acked[refused] = result.offset
            assert numbers(received.on(CHANNEL)) == list(acked)
        async with _opened(small_disk, clock) as engine:
            assert numbers(await engine.broker.read(CHANNEL, 0, 10_000)) == list(acked)

    asyncio.run(asyncio.wait_for(scenario(), HANG_SECONDS))


def test_nothing_of_a_deleted_document_stays_in_the_file(tmp_path: Path, clock: Clock) -> None:
    """Its log has no snapshot at its end, which for a living document must stay whole from the last one on."""
    document = "document:deleted"

    async def scenario() -> None:
        async with _opened(tmp_path, clock, history_events=10) as engine:
            tip = 0
            for _ in range(5):
                versions = [Version(b'{"type":"remote_operation"}', "ali", f"o{tip + n}") for n in range(1, 301)]
                await engine.documents.append(document, tip, versions)
                tip += 300
            await engine.documents.keep_snapshot(document, 600, b"{}")
            await engine.broker.renew_epoch(document)
            await engine.documents.keep_snapshot(document, 1_200, b"{}")  # of the history that has ended
            await engine.documents.append(document, 0, [Version(b"{}", "ali", None)])
            assert await engine.documents.snapshot(document, 2_000) is None
            clock.passed = 60
            engine.upkeep()
            clock.passed = 2 * DAY
            for _ in range(4):  # trimming goes in steps
                engine.upkeep()
                await engine.broker.publish([event("more")])
            assert (await engine.broker.position(document)).offset == 1
        with sqlite3.connect(tmp_path / FILE) as db:
            (streams,) = db.execute("SELECT count(*) FROM streams WHERE channel = ?", (document,)).fetchone()
            rows = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608  ours
                for table in ("snapshots", "segments", "named", "operation_ids")
            }
        assert (streams, set(rows.values())) == (1, {0}), rows

    asyncio.run(asyncio.wait_for(scenario(), HANG_SECONDS))


# Clocks


@pytest.mark.long
@pytest.mark.parametrize("jump", [-DAY, -3600.0, 3600.0, 2 * DAY])
def test_a_jump_of_the_wall_clock_ends_nothing_that_is_kept(tmp_path: Path, clock: Clock, jump: float) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock, history_events=10) as engine:
            (first,) = await engine.broker.publish([event("first")], key("k"))
            await engine.revocations.revoke(token_id="t1", user_id=None, at=clock().wall)
            await engine.sessions.open(_record("s1"), None, 10)
            await engine.sessions.close("s1", 0)
            clock.jumped = jump
            await engine.revocations.revoke(token_id="t2", user_id=None, at=clock().wall)
            engine.upkeep()
            for n in range(1500):
                await engine.broker.publish([event(n)], key(f"k{n}") if n % 10 == 0 else None)
            assert await engine.broker.publish([event("first")], key("k")) == [replace(first, repeated=True)]
            assert (await engine.broker.position(CHANNEL)).oldest == 1
            assert engine.revocations.is_revoked("u1", "t1", None)
            assert engine.revocations.is_revoked("u1", "t2", None)
            assert await engine.sessions.open(_record("s2"), "s1", 10) == OpenedSession("s1", 1, None)

    asyncio.run(scenario())


@pytest.mark.long
def test_time_that_really_passed_ends_what_is_kept(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock, history_events=10, revocation_seconds=DAY) as engine:
            for n in range(200):
                await engine.broker.publish([event(n)], key(f"k{n}"))
            await engine.broker.publish([event(0, OTHER)])
            await engine.broker.renew_epoch(OTHER)
            await engine.revocations.revoke(token_id="t1", user_id=None, at=clock().wall)
            await engine.sessions.open(_record("s1"), None, 10)
            await engine.sessions.close("s1", 0)
            clock.passed = 60
            engine.upkeep()
            clock.passed = DAY + 61
            assert (await engine.sessions.open(_record("s2"), "s1", 10)).session_id == "s2"
            (result,) = await engine.broker.publish([event("again")], key("k1", digest=b"other"))
            assert result.offset == 201
            for n in range(200, 1000):
                await engine.broker.publish([event(n)], key(f"k{n}"))
            for _ in range(3):  # trimming goes in steps
                engine.upkeep()
                await engine.broker.publish([event("more")])
            oldest = (await engine.broker.position(CHANNEL)).oldest
            assert oldest == 201
            assert not engine.revocations.is_revoked("u1", "t1", None)
        with sqlite3.connect(tmp_path / FILE) as db:
            counts = {
                table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own names
                for table in ("keys", "sessions", "revocations")
            }
            assert db.execute("SELECT channel, generation FROM streams WHERE channel = ?", (OTHER,)).fetchall() == [
                (OTHER, 1)
            ]
        db.close()
        assert counts == {"keys": 801, "sessions": 1, "revocations": 0}

    asyncio.run(scenario())


def test_events_are_old_only_when_they_surely_are() -> None:
    ages = Ages(window=64.0, number=5, steady=100.0)
    ages.mark(6, 100.5)  # too soon for a mark of its own
    ages.mark(7, 110.0)
    ages.mark(9, 150.0)
    assert [ages.settled(steady) for steady in (100.0, 163.9, 164.0, 173.9, 174.0, 214.0)] == [0, 0, 5, 5, 7, 9]


# Opening


def test_a_second_engine_on_the_same_folder_is_refused(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock) as engine:
            with pytest.raises(EngineError, match="stop it"):
                await open_embedded(tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
            await engine.broker.publish([event(1)])
        async with _opened(tmp_path, clock):
            pass

    asyncio.run(scenario())


def test_a_newer_schema_is_refused(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock):
            pass
        db = sqlite3.connect(tmp_path / FILE)
        db.execute("UPDATE meta SET value = '99' WHERE name = 'version'")
        db.commit()
        db.close()
        for _ in range(2):  # and it lets the folder go
            with pytest.raises(EngineError, match=f"schema 99, this version knows {VERSION}: start the version"):
                await open_embedded(tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)

    asyncio.run(scenario())


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_store_of_an_earlier_version_is_brought_up_to_date_and_keeps_what_it_had(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    told = replace(event("alert"), domain_fact=AlertRecipient("c1", "ali", 1))
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "VERSION", version)
        database, store = schema.open_database(tmp_path)
        log = EventLog(store, 60.0, lambda *_: None, OperationIds(60.0, 1 << 20))
        log.append(database, [event(1), replace(event(2), channel="document:old")], None, 0.0)
        if version < 6:
            database.execute("INSERT INTO operations (stream, op_id, user, version) VALUES (2, 'o1', 'ali', 7)")
        database.close()

    async def scenario() -> None:
        for number in (2, 3):
            async with _opened(tmp_path, clock) as engine:
                (result,) = await engine.broker.publish([told])
                assert result.offset == number
                assert await engine.alerts.find("c1") is not None
                assert await engine.records.find("commitment", ["c1"]) == {}
                edit = OperationKey("ali", "o1")
                known = {edit: KnownOperation(7)} if version < 6 else {}
                assert await engine.documents.known("document:old", [edit]) == known

    asyncio.run(scenario())


@pytest.mark.parametrize("content", [b"no database at all " * 100, b"\x00" * 5000])
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, clock: Clock, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(EngineError, match="restore the file"):
        asyncio.run(open_embedded(tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock))


def test_a_store_with_a_broken_table_is_refused(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock):
            pass
        db = sqlite3.connect(tmp_path / FILE)
        db.execute("DROP TABLE streams")
        db.close()
        with pytest.raises(EngineError, match="restore the file"):
            await open_embedded(tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock)

    asyncio.run(scenario())


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="check its path"):
        asyncio.run(open_embedded(tmp_path / "file", limits=EngineLimits(), rates=RateLimiter(), clock=clock))


@pytest.mark.parametrize("setting", ["postgres://x", "memory"])
def test_an_engine_that_is_not_built_is_refused(tmp_path: Path, clock: Clock, setting: str) -> None:
    with pytest.raises(EngineError, match=r'set .*"embedded"'):
        asyncio.run(open_engine(setting, tmp_path, limits=EngineLimits(), rates=RateLimiter(), clock=clock))
    assert list(tmp_path.iterdir()) == []


def test_opening_looks_at_heads_and_never_through_the_events(tmp_path: Path, clock: Clock) -> None:
    async def scenario() -> None:
        async with _opened(tmp_path, clock):
            pass

    asyncio.run(scenario())
    db = sqlite3.connect(tmp_path / FILE)
    plans: list[str] = []
    db.set_trace_callback(plans.append)
    history.heads(db, "store")
    history.last_number(db)
    db.set_trace_callback(None)
    for sql in plans:
        for *_, step in db.execute(f"EXPLAIN QUERY PLAN {sql}"):
            assert "events" not in step or step.startswith("SEARCH"), step
    db.close()
    assert len(plans) == 2
