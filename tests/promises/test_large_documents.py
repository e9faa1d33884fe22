"""Documents of a million units, opened over slow lines: by the SDK, by clients of the contract alone, over HTTP."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import msgspec
import psutil

from dossier_realtime.client import DossierRealtimeClient
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.measurements import Report, Sized
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Raw, request, text
from tests.promises.proxy import Proxy

UNITS = 1_000_000
WORD = "وثيقة عن التعاون "
TEXT = (WORD * (UNITS // len(WORD) + 1))[:UNITS]
DOCUMENT = "document:long"
RATE = 250_000  # bytes a second
SLOW_CONSUMER = 4000
MIB = 1 << 20
COST = 1.25 * MIB  # of one reader who does not read
# Much shorter than the text takes: whoever is alive must be seen to be it while the text is under way.
IMPATIENT: Overrides = {
    "session.heartbeat_interval": 1,
    "session.ping_interval": 0.5,
    "session.liveness_timeout": 3,
    "outbox.stall_timeout": 3,
}


def _rights(service: Service, name: str) -> str:
    return service.token(name, "write:document:*")


async def _put(service: Service, content: str = TEXT, name: str = "long", **headers: str) -> httpx.Response:
    headers["Authorization"] = f"Bearer {_rights(service, 'writer')}"
    async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
        return await http.put(f"{service.http}/v1/documents/{name}", json={"content": content}, headers=headers)


def _waiting(service: Service) -> int:
    """Bytes that wait for clients, of all of them."""
    rows = msgspec.json.decode(service.get("/v1/sessions", service.token("operator", "admin:*"))[1])["sessions"]
    return sum(row["waiting_bytes"] for row in rows)


def test_a_million_units_are_opened_over_a_slow_line(tmp_path: Path, report: Report) -> None:
    """By the SDK, and by a client that sends nothing at all while it reads: its answers to pings are far behind."""

    @asynchronous
    async def play(service: Service) -> None:
        answer = await _put(service)
        assert answer.status_code == 200, answer.text
        version = answer.json()["version"]
        took: list[float] = []
        async with Proxy(service, rate=RATE) as line:

            async def by_contract() -> None:
                began = time.monotonic()
                async with await Client.connect(line, _rights(service, "reader")) as reader:
                    found = (await reader.subscribe(DOCUMENT))["document"]
                    assert (found["content"], found["version"]) == (TEXT, version)
                    took.append(time.monotonic() - began)

            async def by_sdk() -> None:
                began = time.monotonic()
                async with DossierRealtimeClient(_rights(service, "editor"), line.url) as client:
                    editor = client.document("long")
                    await editor.ready()
                    assert editor.text == TEXT
                    took.append(time.monotonic() - began)

            async def over_http() -> None:
                headers = {"Authorization": f"Bearer {_rights(service, 'caller')}"}
                async with httpx.AsyncClient(timeout=HANG_SECONDS, headers=headers) as http:
                    found = await http.get(f"http://127.0.0.1:{line.port}/v1/documents/long")
                    assert (found.status_code, found.json()["content"]) == (200, TEXT)

            await asyncio.gather(by_contract(), by_sdk(), over_http())
            assert line.connections == 3  # nobody had to come back
        report(f"{UNITS:,} units over {RATE / 1000:g} kB/s: opened after {took[0]:.1f} s and {took[1]:.1f} s")

    with Service(tmp_path / "data", IMPATIENT) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_the_text_comes_again_where_what_was_missed_cannot_be_had(tmp_path: Path) -> None:
    @asynchronous
    async def play(service: Service) -> None:
        assert (await _put(service)).status_code == 200
        async with await Client.connect(service, _rights(service, "reader")) as reader:
            answer = await reader.subscribe(DOCUMENT, since={"version": 1, "epoch": "another"})
            assert (answer["recovered"], answer["document"]["content"]) == (False, TEXT)
            answer = await reader.subscribe(DOCUMENT, since={"version": answer["document"]["version"]})
            assert answer["recovered"] is True
            assert "document" not in answer

    with Service(tmp_path / "data") as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_a_call_whose_caller_stops_reading_is_cut_off_and_told_of(tmp_path: Path) -> None:
    @asynchronous
    async def play(service: Service) -> None:
        assert (await _put(service)).status_code == 200
        async with Proxy(service, rate=RATE) as line:
            caller = await Raw.open(line)
            token = ("Authorization", f"Bearer {_rights(service, 'caller')}")
            await caller.send(request("GET", "/v1/documents/long", ("Host", "localhost"), token))
            await eventually_async(lambda: line.passed > RATE)
            line.stall()
            await eventually_async(lambda: any(entry.header.user == "caller" for entry in service.journal()))
            line.flow()
            got = await caller.ended()
            assert len(got) < len(TEXT.encode())
            await caller.close()

    with Service(tmp_path / "data", {"outbox.stall_timeout": 2}) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_several_long_documents_reach_one_client_one_after_the_other(tmp_path: Path) -> None:
    """However many it asks for: no more than one of them waits for it, and edits come behind each in order."""
    names = ["long", "long-2", "long-3"]

    @asynchronous
    async def play(service: Service) -> None:
        for name in names:
            assert (await _put(service, name=name)).status_code == 200
        token = _rights(service, "reader")
        async with Proxy(service, rate=8 * RATE) as line, await Client.connect(line, token) as reader:
            for name in names:
                await reader.send({"type": "subscribe", "channel": f"document:{name}"})
            await eventually_async(lambda: line.passed > RATE)
            highest = 0
            while len(reader.messages) < len(names) + 2:
                highest = max(highest, await asyncio.to_thread(_waiting, service))
            assert highest < 1.5 * len(TEXT.encode())
            opened = [message for message in reader.messages if message["type"] == "subscribed"]
            assert [one["channel"] for one in opened] == [f"document:{name}" for name in names]
            assert all(one["document"]["content"] == TEXT for one in opened)
            edited = await reader.ask(
                {
                    "type": "edit_operation",
                    "channel": DOCUMENT,
                    "payload": {
                        "version": opened[0]["document"]["version"],
                        "operation_type": "delete",
                        "position": 0,
                        "length": 1,
                    },
                }
            )
            assert edited["type"] == "operation_ack", edited

    with Service(tmp_path / "data", {"limits.bytes_mib": 64, "limits.read": 100_000}) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_a_token_is_renewed_and_a_ping_heard_while_a_second_long_document_waits(tmp_path: Path) -> None:
    names = ["long", "long-2", "short"]

    @asynchronous
    async def play(service: Service) -> None:
        for name in names:
            assert (await _put(service, TEXT if name != "short" else "short", name=name)).status_code == 200
        token = _rights(service, "reader")
        async with Proxy(service, rate=8 * RATE) as line, await Client.connect(line, token) as reader:
            line.mute()
            for name in names:
                await reader.send({"type": "subscribe", "channel": f"document:{name}", "ref": name})
            renewal = service.token("reader", "write:document:*", name="Renewed")
            await reader.send({"type": "auth", "payload": {"token": renewal}, "ref": "renewed"}, {"type": "ping"})
            await eventually_async(lambda: any(entry.header.kind == "renewed" for entry in service.journal()))
            line.flow()
            opened = [await reader.receive("subscribed", ref=name) for name in names]
            assert [len(one["document"]["content"]) for one in opened] == [len(TEXT), len(TEXT), len("short")]
            assert (await reader.receive("auth_success"))["ref"] == "renewed"
            await reader.receive("pong")

    with Service(tmp_path / "data", {"limits.bytes_mib": 64, "outbox.stall_timeout": 300}) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_a_reader_that_stops_in_the_middle_is_closed_as_too_slow(tmp_path: Path) -> None:
    @asynchronous
    async def play(service: Service) -> None:
        assert (await _put(service)).status_code == 200
        async with Proxy(service, rate=RATE) as line, await Client.connect(line, _rights(service, "reader")) as reader:
            await reader.send({"type": "subscribe", "channel": DOCUMENT})
            await eventually_async(lambda: line.passed > RATE)
            line.stall()
            await eventually_async(
                lambda: service.metrics().get(f'dossier_connections_closed_total{{code="{SLOW_CONSUMER}"}}') == 1
            )
            await reader.drop()

    with Service(tmp_path / "data", {"outbox.stall_timeout": 2}) as service:
        play(service)
        service.stop()
        service.assert_log_clean()


def test_readers_of_one_long_document_share_its_bytes(tmp_path: Path, report: Report, sized: Sized) -> None:
    """Readers who opened it and read nothing cost less each than the bound of a queue, though each waits for more."""
    count, at_first = sized(80, 200), 30  # by then the queue of the journal has grown to its bound

    @asynchronous
    async def play(service: Service) -> None:
        assert (await _put(service)).status_code == 200
        process, readers = psutil.Process(service.pid), list[Raw]()

        async def open_and_stop(number: int) -> None:
            reader = await Raw.upgraded(service, receive_buffer=1 << 14)
            readers.append(reader)
            token = _rights(service, f"reader-{number}")
            await reader.send(text({"type": "auth", "payload": {"token": token}}))
            await reader.send(text({"type": "subscribe", "channel": DOCUMENT}))
            await eventually_async(lambda: _waiting(service) > len(readers) * MIB)

        for number in range(at_first):
            await open_and_stop(number)
        before = process.memory_info().rss
        for number in range(at_first, count):
            await open_and_stop(number)
        each = (process.memory_info().rss - before) / (count - at_first)
        report(f"{count} paused readers of a text of {len(TEXT.encode()) / MIB:.1f} MiB: {each / MIB:.2f} MiB each")
        assert each <= COST
        for reader in readers:
            await reader.close()

    with Service(
        tmp_path / "data", {"outbox.stall_timeout": 300, "limits.read": 100_000, "limits.handshakes_per_second": 10_000}
    ) as service:
        play(service)
        service.stop()
        service.assert_log_clean()
