"""Edits of a history that a restore has ended are never merged into the one that follows.

Source: docs/protocol.md#epochs-of-documents.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web.conftest import ROOMY
from tests.web.test_documents import committed, edit, editors

pytestmark = pytest.mark.long

CHANNEL = "document:brief"


class Restored:
    """A service whose store was put back to version 2, and then written to again up to version 4."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.before = asyncio.run(self._write(0, ["one ", "two "]))
        self._keep(folder)
        asyncio.run(self._write(2, ["lost ", "gone "]))
        service.stop()
        shutil.rmtree(service.data)
        shutil.copytree(folder, service.data)
        service.start()
        self.after = asyncio.run(self._write(2, ["new ", "newer "]))

    def _keep(self, folder: Path) -> None:
        self.service.stop()
        shutil.copytree(self.service.data, folder)
        self.service.start()

    async def _write(self, version: int, words: list[str]) -> str:
        async with editors(self.service, CHANNEL, "ali") as (ali,):
            for number, word in enumerate(words, version):
                await committed(ali, edit(CHANNEL, number, 0, word, op_id=f"{word.strip()}-{number}"))
            epoch: str = (await ali.subscribe(CHANNEL))["document"]["epoch"]
            return epoch

    def get(self, **query: int) -> Message:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        token = self.service.token("reader", "read:document:*")
        status, body = self.service.get(f"/v1/documents/brief?{text}", token)
        assert status == 200, body
        found: Message = json.loads(body)
        return found


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    folder = tmp_path_factory.mktemp("restored")
    with Service(folder / "data", ROOMY) as service:
        yield Restored(service, folder / "kept")
    service.assert_log_clean()


def test_the_epoch_is_told_by_the_subscription_and_over_http(restored: Restored) -> None:
    assert restored.before != restored.after
    assert restored.get()["epoch"] == restored.get(version=1)["epoch"] == restored.after


def test_an_edit_of_the_ended_history_is_a_conflict_though_its_version_is_there_again(restored: Restored) -> None:
    async def scene() -> None:
        before = restored.get()
        async with editors(restored.service, CHANNEL, "bea") as (bea,):
            stale = edit(CHANNEL, 4, 3, "wrong", op_id="stale", epoch=restored.before)
            for _ in range(2):
                answer = await bea.ask(stale)
                assert (answer["type"], answer["error_code"]) == ("error", "VERSION_CONFLICT"), answer
                assert answer["payload"]["version"] == before["version"]
            delete = edit(CHANNEL, 3, 0, length=3, op_id="stale-2", epoch=restored.before)
            assert (await bea.ask(delete))["error_code"] == "VERSION_CONFLICT"
            assert restored.get() == before
            fresh = edit(CHANNEL, before["version"], 0, "right ", op_id="stale", epoch=restored.after)
            assert await committed(bea, fresh) == before["version"] + 1
            assert restored.get()["content"] == "right " + before["content"]

    asyncio.run(scene())


def test_an_edit_that_the_backup_holds_is_acknowledged_as_it_was_whatever_it_says_of_its_history(
    restored: Restored,
) -> None:
    async def scene() -> None:
        before = restored.get()
        async with editors(restored.service, CHANNEL, "ali") as (ali,):
            for epoch in ({}, {"epoch": restored.before}, {"epoch": restored.after}):
                assert await committed(ali, edit(CHANNEL, 1, 0, "two ", op_id="two-1", **epoch)) == 2
            lost = edit(CHANNEL, 2, 0, "lost ", op_id="lost-2", epoch=restored.before)
            assert (await ali.ask(lost))["error_code"] == "VERSION_CONFLICT", "nothing holds it any more"
        assert restored.get() == before

    asyncio.run(scene())


def test_a_whole_text_that_was_made_from_the_ended_history_is_refused(restored: Restored) -> None:
    now = restored.get()
    token = restored.service.token("bea", "write:document:*")
    headers = {"Authorization": f"Bearer {token}", "If-Match": f'"{now["version"]}"'}
    url = restored.service.http + "/v1/documents/brief"
    stale = {"content": "stale", "epoch": restored.before}
    answer = httpx.put(url, headers=headers, json=stale, timeout=HANG_SECONDS)
    assert (answer.status_code, answer.json()["error_code"]) == (412, "VERSION_CONFLICT")
    assert restored.get() == now
    current = {"content": "as it is", "epoch": restored.after}
    answer = httpx.put(url, headers=headers, json=current, timeout=HANG_SECONDS)
    assert answer.status_code == 200
    assert restored.get()["content"] == "as it is"
