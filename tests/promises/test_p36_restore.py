"""P36: a restored or copied store never continues an old numbering: every client is told `recovered: false`."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.journal import store
from dossier_realtime.client import Backoff, DossierRealtimeClient
from dossier_realtime.client.errors import PositionLost
from dossier_realtime.protocol.fields import Position
from tests.harness.eventually import eventually_async
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client, Message
from tests.promises.conftest import Report

EVENTS, DOCUMENT = "dossier:country:SA", "document:brief"
CLIENTS = 5  # of each kind


def command(*arguments: str | Path, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "run.py", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def by_command(service: Service, kept: Path) -> Callable[[], None]:
    """`run.py backup` while the service runs; `run.py restore` later, beside the folder that was moved away."""
    command("backup", kept, "--data", service.data)

    def put_back() -> None:
        assert "is not empty" in command("restore", kept, "--data", service.data, code=2)
        service.data.rename(service.data.with_name("moved-away"))
        assert "new epochs" in command("restore", kept, "--data", service.data)

    return put_back


def by_cp(service: Service, kept: Path) -> Callable[[], None]:
    """The folder copied while the service is stopped; the copy written over it later."""
    service.stop()
    shutil.copytree(service.data, kept)
    service.start()

    def put_back() -> None:
        for part in ("engine.db-wal", "engine.db-shm"):
            (service.data / part).unlink(missing_ok=True)
        shutil.copytree(kept, service.data, dirs_exist_ok=True)
        journal = {path.name for path in (kept / "journal").iterdir()}
        for path in (service.data / "journal").iterdir():
            if path.name not in journal:
                path.unlink()

    return put_back


def by_sqlite(service: Service, kept: Path) -> Callable[[], None]:
    """The store alone, by SQLite's own online copy; later written over the newer store, beside the newer journal."""
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, service.data / "engine.db", kept], check=True)

    def put_back() -> None:
        (service.data / "engine.db").write_bytes(kept.read_bytes())
        for part in ("engine.db-wal", "engine.db-shm"):
            (service.data / part).unlink(missing_ok=True)

    return put_back


def update(number: int) -> Message:
    payload = {"entity_type": "country", "entity_id": str(number), "operation": "update", "fields_changed": ["x"]}
    return {"type": "dossier_update", "channel": EVENTS, "payload": payload}


async def write(service: Service, first: int, word: str) -> None:
    """Three events and three versions."""
    async with await Client.connect(service, service.token("writer", "write:*", clearance="secret")) as writer:
        document = (await writer.subscribe(DOCUMENT))["document"]
        for number in range(3):
            assert (await writer.ask(update(first + number)))["type"] == "ack"
            edit = {"operation_type": "insert", "position": 0, "content": word, "version": document["version"] + number}
            answer = await writer.ask({"type": "edit_operation", "channel": DOCUMENT, "payload": edit})
            assert answer["type"] == "operation_ack", answer


class Follower:
    """A client of the SDK on both channels: positions that it was told are lost, and its text."""

    def __init__(self, service: Service, number: int) -> None:
        token = service.token(f"sdk-{number}", "write:*")
        self.client = DossierRealtimeClient(token, service.url, backoff=Backoff(base=0.02, cap=0.2))
        self.lost: list[PositionLost] = []
        self.subscription = self.client.subscribe(EVENTS, lambda event: None, on_error=self._told)
        self.document = self.client.document("brief")

    def _told(self, error: Exception) -> None:
        if isinstance(error, PositionLost):
            self.lost.append(error)

    def at(self) -> Position:
        assert self.subscription.position is not None
        return self.subscription.position

    def has_loaded_anew(self) -> bool:
        return self.document.text == "new new new one one one " and self.at().offset == 6 and bool(self.lost)


@pytest.mark.parametrize("way", [by_command, by_cp, by_sqlite])
def test_p36_every_client_is_told_after_a_restore(
    way: Callable[[Service, Path], Callable[[], None]], tmp_path: Path, report: Report
) -> None:
    with Service(tmp_path / "data", {"limits.connections_per_address": 1000}) as service:
        told = asyncio.run(_scene(service, way, tmp_path / "kept"))
        service.assert_log_clean()
        service.stop()
        (verified,) = store.verify_folder(service.data / "journal").values()
        assert verified.ok
        assert any("older state" in note for note in verified.notes)
        assert [entry.header.kind for entry in service.journal()].count("restored") == 1
    report(f"{way.__name__}: {told} clients, events and documents, by socket and SDK: all told, none continued")


async def _scene(service: Service, way: Callable[[Service, Path], Callable[[], None]], kept: Path) -> int:
    await write(service, 0, "one ")
    put_back = await asyncio.to_thread(way, service, kept)
    await write(service, 10, "lost ")
    async with await Client.connect(service, service.token("raw", "read:*")) as raw:
        place = (await raw.subscribe(EVENTS))["position"]
        document = (await raw.subscribe(DOCUMENT))["document"]
    assert place["offset"] == document["version"] == 6
    followers = [Follower(service, number) for number in range(CLIENTS)]
    for follower in followers:
        await follower.client.connect()
        await follower.subscription.ready()
        await follower.document.ready()
    await asyncio.to_thread(service.stop)
    await asyncio.to_thread(put_back)
    await asyncio.to_thread(service.start)
    await write(service, 20, "new ")  # so the old numbers stand for other events
    for number in range(CLIENTS):
        async with await Client.connect(service, service.token(f"raw-{number}", "read:*")) as raw:
            answer = await raw.subscribe(EVENTS, since=place)
            assert answer["recovered"] is False
            assert answer["position"]["epoch"] != place["epoch"]
            since = {"version": document["version"], "epoch": document["epoch"]}
            answer = await raw.subscribe(DOCUMENT, since=since)
            assert answer["recovered"] is False
            assert answer["document"]["content"] == "new new new one one one "
            assert answer["document"]["epoch"] != document["epoch"]
            again = {"version": 4, "epoch": answer["document"]["epoch"]}
            assert (await raw.subscribe(DOCUMENT, since=again))["recovered"] is True
    for follower in followers:
        await eventually_async(follower.has_loaded_anew)
        assert len(follower.lost) == 1
        assert follower.at().epoch != place["epoch"]
        await follower.client.close()
    return 2 * CLIENTS
