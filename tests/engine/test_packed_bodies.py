"""The bodies of events in the file of the embedded engine: packed, and handed out as they were committed."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.embedded.storage.packed_bodies import PACKED, packed, unpacked
from app.engine.embedded.storage.schema import FILE
from app.engine.ports.documents import Version
from app.engine.ports.errors import Unavailable
from app.engine.ports.events import PublicationEntry
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from tests.engine.conftest import Opener

DOCUMENT, CHANNEL = "document:d", "dossier:country:SA"


def letter(version: int) -> bytes:
    payload = RemoteOperationPayload(
        user_id="ali", user_name="علي حسن", operation_type="insert", position=version - 1, version=version, content="ص"
    )
    payload.op_id, payload.timestamp = f"{version:016}", 10**9
    return codec.encode(RemoteOperation(channel=DOCUMENT, payload=payload))


def update(number: int) -> bytes:
    return b'{"type":"dossier_update","channel":"dossier:country:SA","payload":{"entity_id":"e%d"}}' % number


@given(st.binary(max_size=400) | st.binary(max_size=40).map(lambda tail: PACKED + tail))
def test_whatever_is_packed_comes_back(body: bytes) -> None:
    assert unpacked(packed(body)) == body
    assert len(packed(body)) <= len(body) + (16 if body.startswith(PACKED) else 0)


def test_a_letter_takes_less_than_half_and_threads_pack_alike() -> None:
    body = letter(70_001)
    assert 2 * len(packed(body)) < len(body)
    found: list[bool] = []

    def work() -> None:
        found.append(all(unpacked(packed(letter(n))) == letter(n) for n in range(1, 500)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 4


def _stored(folder: Path) -> list[bytes]:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return [body for (body,) in db.execute("SELECT body FROM events ORDER BY number")]


async def _fill(opened: Opener) -> None:
    async with opened() as engine:
        for number in range(1, 4):
            await engine.documents.append(DOCUMENT, number - 1, [Version(letter(number), "ali", f"o{number}")])
            await engine.broker.publish([PublicationEntry(CHANNEL, update(number), durable=True)])


def test_the_file_holds_packed_bodies_and_readers_get_whole_ones_also_of_a_store_of_before(
    opened: Opener, tmp_path: Path
) -> None:
    async def scene() -> None:
        await _fill(opened)
        assert all(body.startswith(PACKED) for body in _stored(tmp_path))
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as db:  # as an earlier version left it
            db.execute("UPDATE events SET body = ? WHERE offset = 2 AND length(body) > 0 AND number = 3", (letter(2),))
        async with opened() as engine:
            versions = await engine.broker.read(DOCUMENT, 0, 10)
            assert [one.frame for one in versions] == [letter(number) for number in range(1, 4)]
            updates = await engine.broker.read(CHANNEL, 0, 10)
            assert [json.loads(one.frame) for one in updates] == [
                json.loads(update(number)) | {"offset": number} for number in range(1, 4)
            ]
            assert [one.frame for one in await engine.broker.commits_after(0, 10)][::2] == [
                one.frame for one in versions
            ]
            assert [one.content for one in await engine.revisions.read(DOCUMENT, 0, 10)] == ["ص"] * 3

    asyncio.run(scene())


def test_a_damaged_body_is_an_error_that_is_said_and_the_others_are_read(opened: Opener, tmp_path: Path) -> None:
    async def scene() -> None:
        await _fill(opened)
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as db:
            db.execute("UPDATE events SET body = ? WHERE number = 3", (PACKED + b"no frame",))
        async with opened() as engine:
            with pytest.raises(Unavailable, match="damaged"):
                await engine.broker.read(DOCUMENT, 0, 10)
            assert len(await engine.broker.read(CHANNEL, 0, 10)) == 3
            assert [one.frame for one in await engine.broker.read(DOCUMENT, 2, 10)] == [letter(3)]

    asyncio.run(scene())
