"""A store that is moved to another engine: everything arrives, positions and keys hold, and nothing is overwritten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.commands.cli import main
from app.core.domain.alerts import AlertRecipient
from app.core.domain.briefs import BriefTransition
from app.core.domain.ownership import Authority, Claim
from app.core.domain.revision_rows import NamedVersion
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine, open_rows
from app.engine.limits import EngineLimits
from app.engine.moving.move import RowStore, move
from app.engine.moving.moved_rows import RowTally
from app.engine.options import EngineOptions
from app.engine.ports.documents import OperationKey, Version
from app.engine.ports.engine import Engine
from app.engine.ports.errors import EngineError
from app.engine.ports.limits import Spent
from app.engine.ports.records import RecordChange
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from tests.engine.conftest import Clock
from tests.engine.events import CHANNEL, event, key
from tests.harness.redis_server import RedisServer

THEME = "dossier:theme:water"
CLAIM = Claim(Authority.MOU, "registry", "m1")


@asynccontextmanager
async def opened(setting: str, data: Path, prefix: str) -> AsyncIterator[Engine]:
    options = EngineOptions(node="n1", prefix=prefix)
    engine = await open_engine(
        setting, data, limits=EngineLimits(), rates=RateLimiter(), clock=Clock(), options=options
    )
    try:
        yield engine
    finally:
        await engine.close()


async def fill(engine: Engine) -> None:
    """Put something of everything into a store."""
    await engine.broker.publish([event(number) for number in range(30)], key("first"))
    await engine.broker.publish([event("mixed"), event("gone", "ops:limits", durable=False)], key("second"))
    await engine.broker.publish([event(1, THEME)])
    await engine.broker.renew_epoch(THEME)
    await engine.broker.publish([event(2, THEME)], key("third"))
    alert = replace(event("a", "user:ali"), domain_fact=AlertRecipient("c1", "ali", 2, CLAIM))
    brief = replace(
        event("b", "user:ali"), domain_fact=BriefTransition("r1", "ali", None, Claim(Authority.SERVICE, "x"))
    )
    await engine.broker.publish([alert, brief])
    changes = [
        RecordChange("commitment", f"c{n}", 0, b"body %d" % n, ("mou:m1", "open"), f"{n:03}", due=1e9 + n / 3)
        for n in range(700)
    ]
    for start in range(0, len(changes), 100):
        await engine.broker.publish([], None, changes[start : start + 100])
    await engine.broker.publish([], None, [RecordChange("commitment", "c0", 1, b"later", (), "x", expires=5e9 + 0.1)])
    for version in range(1, 6):
        body = b'{"type":"remote_operation","payload":{"version":%d}}' % version
        await engine.documents.append(
            "document:d", version - 1, [Version(body, user_id="ali", op_id=f"op{version}", digest=b"%d" % version)]
        )
    await engine.documents.keep_snapshot("document:d", 3, b"state")
    await engine.revisions.name("document:d", NamedVersion("first draft", 2, "ali", "Ali", 1e9 + 0.25))
    await engine.settings.put("dossier:country:SA", ChannelSettings(Clearance.SECRET, presence=True, history=False))
    await engine.revocations.revoke(token_id="t1", user_id=None, at=time.time())
    await engine.revocations.revoke(token_id=None, user_id="mallory", at=time.time())
    engine.quotas.put([Spent("ali", "stored", time.time(), 12)])


async def told(engine: Engine) -> dict[str, object]:
    """Return what clients and services would notice."""
    known = await engine.documents.known("document:d", [OperationKey("ali", "op4"), OperationKey("ali", "op9")])
    return {
        "positions": [await engine.broker.position(name) for name in (CHANNEL, THEME, "document:d", "user:ali")],
        "events": [(one.epoch, one.offset, one.frame) for one in await engine.broker.read(CHANNEL, 0, 100)],
        "keys": [await engine.broker.repeated(key(name)) for name in ("first", "second", "third", "never")],
        "channels": sorted(await engine.broker.channels()),
        "commitments": await engine.records.listed("commitment", "open", None, 1_000),
        "count": await engine.records.count("commitment", "mou:m1"),
        "due": await engine.records.due("commitment", 2e9, 5),
        "c0": await engine.records.find("commitment", ["c0"]),
        "alert": (await engine.alerts.find("c1"), await engine.alerts.claim("c9"), await engine.alerts.claim("c1")),
        "brief": (await engine.briefs.find("r1"), await engine.briefs.silent(-100.0, 5)),
        "known": dict(known),
        "snapshot": await engine.documents.snapshot("document:d", 4),
        "named": list(await engine.revisions.named("document:d")),
        "revoked": [
            engine.revocations.is_revoked("bea", "t1", None),
            engine.revocations.is_revoked("mallory", None, int(time.time()) - 3_600),
            engine.revocations.is_revoked("bea", "t2", None),
        ],
        "spent": [(one.user_id, one.kind, one.amount) for one in engine.quotas.found],
    }


async def carried(source: str, target: str, folders: tuple[Path, Path], prefix: str) -> RowTally:
    options = EngineOptions(prefix=prefix)
    stores: list[RowStore] = [
        open_rows(setting, data, options) for setting, data in zip((source, target), folders, strict=True)
    ]
    return await move(*stores)


def test_a_store_is_moved_to_redis_and_back_with_all_that_it_keeps(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix, first, second = redis_server.url, tmp_path.name, tmp_path / "a", tmp_path / "b"
    second.mkdir()

    async def scenario() -> None:
        async with opened("embedded", first, prefix) as engine:
            await fill(engine)
        async with opened("embedded", first, prefix) as engine:
            before = await told(engine)
            settings: dict[str, ChannelSettings] = {}
            engine.settings.start(settings.__setitem__)
        sent = await carried("embedded", url, (first, first), prefix)
        assert sent.counts["record"] == 700
        async with opened(url, first, prefix) as engine:
            assert engine.moved == ""
            assert await told(engine) == before
            found: dict[str, ChannelSettings] = {}
            engine.settings.start(found.__setitem__)
            assert found == settings
        back = await carried(url, "embedded", (first, second), prefix)
        assert (back.counts, back.digest) == (sent.counts, sent.digest)
        async with opened("embedded", second, prefix) as engine:
            assert engine.moved == ""
            assert await told(engine) == before
            (result,) = await engine.broker.publish([event("next")])
            assert result.offset == 32  # it goes on where it was

    asyncio.run(scenario())


def test_what_is_in_use_or_holds_something_is_not_moved(redis_server: RedisServer, tmp_path: Path) -> None:
    url, prefix, data, other = redis_server.url, tmp_path.name, tmp_path / "a", tmp_path / "b"
    other.mkdir()

    async def scenario() -> None:
        with pytest.raises(EngineError, match="no event store"):
            await carried("embedded", url, (other, other), prefix)
        async with opened("embedded", data, prefix) as engine:
            await engine.broker.publish([event(1)])
            with pytest.raises(EngineError):
                await carried("embedded", url, (data, data), prefix)
        async with opened(url, data, prefix):
            with pytest.raises(EngineError, match="stop all its nodes"):
                await carried("embedded", url, (data, data), prefix)
            with pytest.raises(EngineError, match="stop all its nodes"):
                await carried(url, "embedded", (data, other), prefix)
        with pytest.raises(EngineError, match="nothing is overwritten"):
            await carried("embedded", url, (data, data), prefix)
        with pytest.raises(EngineError, match="nothing is overwritten"):
            await carried(url, "embedded", (data, data), prefix)
        assert not (other / "engine.db").exists()

    asyncio.run(scenario())


def test_a_move_that_was_cut_off_is_no_store_and_is_done_again(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, prefix, data = redis_server.url, tmp_path.name, tmp_path / "a"

    async def scenario() -> None:
        async with opened("embedded", data, prefix) as engine:
            await fill(engine)
        with monkeypatch.context() as patched:
            patched.setattr("app.engine.moving.moved_rows.RowTally.difference", lambda *_: "cut off here")
            with pytest.raises(EngineError, match="cut off here"):
                await carried("embedded", url, (data, data), prefix)
        with pytest.raises(EngineError, match="schema"):
            async with opened(url, data, prefix):
                pass
        await carried("embedded", url, (data, data), prefix)
        async with opened(url, data, prefix) as engine:
            assert (await engine.broker.position(CHANNEL)).offset == 31

    asyncio.run(scenario())


def test_the_command_moves_a_store_and_says_what_it_moved(
    redis_server: RedisServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, prefix = tmp_path / "a", tmp_path.name

    async def begun() -> None:
        async with opened("embedded", data, prefix) as engine:
            await engine.broker.publish([event(1)])

    asyncio.run(begun())
    asked = ["move", "--data", str(data), "--prefix", prefix, "--from", "embedded", "--to", redis_server.url]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "1 event" in told
    assert "the digest" in told
    assert main(asked) == 2
    assert "nothing is overwritten" in capsys.readouterr().err
