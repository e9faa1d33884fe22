"""Edits that are sent again by the client to the real service: after a lost answer, a cut log, a restored store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from dossier_realtime.client import DeniedError, DocumentRestored, ErrorCode
from dossier_realtime.client import client as client_module
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.promises.proxy import Proxy
from tests.sdk.client_harness import run
from tests.sdk.test_editor_live import ROOMY, client_of, insert, kept, write_until_the_log_is_short

pytestmark = pytest.mark.long


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    short = ROOMY | {"history.events": 50, "history.seconds": 1}
    with Service(tmp_path / "data", short) as running:
        yield running
    running.assert_log_clean()


async def write(client: Client, document_id: str, version: int, *words: str) -> None:
    for number, word in enumerate(words, version):
        assert (await client.ask(insert(document_id, number, 0, word)))["type"] == "operation_ack"


def test_an_edit_whose_answer_was_lost_is_there_once_though_the_log_is_cut_and_the_service_began_anew(
    service: Service,
) -> None:
    async def scene() -> None:
        async with Proxy(service) as proxy, client_of(service, "ali", proxy.url) as ali:
            document = ali.document("long")
            await document.ready()
            document.insert(0, "Begin. End.")
            await document.wait_synced()
            proxy.mute()
            document.insert(7, "Once. ")

            async def is_committed() -> bool:
                return "Once. " in (await kept(service, "long"))["content"]

            await eventually_async(is_committed)
            proxy.stall()
            proxy.reset()
            document.insert(0, "Offline. ")
            async with await Client.connect(service, service.token("bea", "write:document:*")) as other:
                await other.subscribe("document:long")
                await write_until_the_log_is_short(service, other, version=2, length=17)
            await asyncio.to_thread(service.restart)
            assert not document.synced
            proxy.flow()
            await document.wait_synced()
            found = (await kept(service, "long"))["content"]
            assert document.text == found
            assert found.startswith("Offline. Begin. Once. End."), found[:80]
            assert found.count("Once. ") == 1

    run(scene())


def test_an_id_that_the_user_gave_to_another_edit_is_replaced_and_told(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = iter(["taken", "free", "later"])
    monkeypatch.setattr(client_module, "token_urlsafe", lambda count: next(ids))

    async def scene() -> None:
        async with await Client.connect(service, service.token("ali", "write:document:*")) as raw:
            await raw.subscribe("document:ids")
            assert (await raw.ask(insert("ids", 0, 0, "raw", op_id="taken")))["type"] == "operation_ack"
        async with client_of(service, "ali") as ali:
            document, told = ali.document("ids"), list[Exception]()
            document.on_error(told.append)
            await document.ready()
            document.insert(3, " sdk")
            await document.wait_synced()
            assert (await kept(service, "ids"))["content"] == "raw sdk" == document.text
            (error,) = told
            assert isinstance(error, DeniedError)
            assert error.error_code is ErrorCode.INVALID_MESSAGE_FORMAT

    run(scene())


def test_ids_cannot_be_guessed_from_those_that_were_seen(service: Service) -> None:
    async def scene() -> None:
        async with (
            client_of(service, "ali") as ali,
            await Client.connect(service, service.token("bea", "read:document:*", "write:document:*")) as bea,
        ):
            document = ali.document("seen")
            await document.ready()
            await bea.subscribe("document:seen")
            seen = []
            for number in range(20):
                document.insert(0, f"{number} ")
                await document.wait_synced()
                seen.append((await bea.receive("remote_operation"))["payload"]["op_id"])
            assert len(set(seen)) == 20
            assert not any(one[:4] == other[:4] for one, other in pairwise(seen)), seen

    run(scene())


def test_what_was_not_confirmed_is_moved_to_the_restored_text_and_the_rest_is_told(
    service: Service, tmp_path: Path
) -> None:
    async def scene() -> None:
        token = service.token("bea", "write:document:*")
        async with await Client.connect(service, token) as bea:
            await bea.subscribe("document:paper")
            await write(bea, "paper", 0, "End.\n", "Begin.\n")
        await asyncio.to_thread(service.stop)
        shutil.copytree(service.data, tmp_path / "kept")
        await asyncio.to_thread(service.start)
        async with Proxy(service) as proxy, client_of(service, "ali", proxy.url) as ali:
            document, told = ali.document("paper"), list[Exception]()
            document.on_error(told.append)
            await document.ready()
            for word in ("Lost.\n", "Gone.\n"):
                document.insert(7, word)
                await document.wait_synced()
            proxy.stall()
            document.insert(7, "Flying 😀.\n")
            proxy.reset()
            document.insert(5, "ning")
            await asyncio.to_thread(service.stop)
            shutil.rmtree(service.data)
            shutil.copytree(tmp_path / "kept", service.data)
            await asyncio.to_thread(service.start)
            async with await Client.connect(service, token) as bea:
                await bea.subscribe("document:paper")
                await write(bea, "paper", 2, "5\n", "4\n", "3\n", "2\n", "1\n")  # past the version that ali has
            proxy.flow()
            await eventually_async(told.__len__)
            await document.wait_synced()
            found = await kept(service, "paper")
            assert document.text == found["content"]
            restored = [error for error in told if isinstance(error, DocumentRestored)]
            assert len(restored) == len(told) == 1, told
            assert restored[0].confirmed == "Begin.\nGone.\nLost.\nEnd.\n"
            assert restored[0].local == "Beginning.\nFlying 😀.\nGone.\nLost.\nEnd.\n"
            assert found["content"] == "1\n2\n3\n4\n5\nBeginning.\nFlying 😀.\nEnd.\n"

    run(scene())
