"""Clients that are not ours, speaking only what the contract prints: Node's ws, Python's websockets, a real browser.

Each logs in, subscribes with presence, receives an event, pings, unsubscribes and leaves; what it received is judged by
the contract's printed fields. Another user, on the same channel, sees it come, publishes, and sees it go.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import websockets
from playwright.async_api import Page, async_playwright

from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import ROOT, Service
from tests.harness.wire import (
    Client,
    Message,
)

CHANNEL = "dossier:country:SA"
CONTRACT_CLIENT = Path(__file__).parents[1] / "node" / "contract_client.mjs"
CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
UPDATE: Message = {
    "type": "dossier_update",
    "channel": CHANNEL,
    "payload": {
        "entity_type": "country",
        "entity_id": "uuid",
        "operation": "update",
        "fields_changed": ["cooperation_areas", "relationship_status"],
    },
}

ClientProgram = Callable[[Service, str, str], Coroutine[Any, Any, list[Message]]]
"""Holds the conversation, with a token and, in a browser, on a page of an origin; returns everything it received."""


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """The origin of a page on the loopback, with the client's script beside it."""
    served = tmp_path / "pages"
    served.mkdir()
    (served / "page.html").write_text("<!doctype html><title>A client of the contract</title>")
    shutil.copy(CONTRACT_CLIENT, served)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


async def node_ws(service: Service, token: str, _: str) -> list[Message]:
    """Node, with the package ws."""
    process = await asyncio.create_subprocess_exec(
        "node", str(CONTRACT_CLIENT), service.url, token, CHANNEL, stdout=-1, stderr=-1
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return [json.loads(line) for line in out.splitlines()]


async def python_websockets(service: Service, token: str, _: str) -> list[Message]:
    """Python, with the package websockets."""
    received: list[Message] = []
    async with websockets.connect(service.url) as socket:

        async def say(message: Message) -> None:
            await socket.send(json.dumps(message))

        await say({"type": "auth", "payload": {"token": token}})
        async for data in socket:
            message: Message = json.loads(data)
            received.append(message)
            if message["type"] == "auth_success":
                await say({"type": "subscribe", "channel": CHANNEL, "params": {"include_presence": True}})
            elif message["type"] == "dossier_update":
                await say({"type": "ping", "timestamp": 1234567890})
            elif message["type"] == "pong":
                await say({"type": "unsubscribe", "channel": CHANNEL})
                await socket.close()
    assert socket.close_code == 1000
    return received


async def browser_page(service: Service, token: str, origin: str) -> list[Message]:
    """A page in Chromium, from an origin that the service allows."""
    ended = await _in_chromium(service, token, origin)
    assert ended["code"] == 1000
    received: list[Message] = ended["received"]
    return received


@pytest.mark.parametrize("program", [node_ws, python_websockets, browser_page])
def test_a_client_of_the_printed_contract_gets_through(program: ClientProgram, tmp_path: Path, origin: str) -> None:
    with Service(tmp_path / "data", {"server.allowed_origins": [origin]}) as service:
        received = asyncio.run(_watched(service, program, origin))
        service.assert_log_clean()
    _judge(received)


def test_a_page_of_a_foreign_origin_gets_no_connection(tmp_path: Path, origin: str) -> None:
    with Service(tmp_path / "data") as service:
        ended = asyncio.run(_in_chromium(service, service.token("page", "read:dossier:*"), origin))
        assert service.metrics()["dossier_connections"] == 0
        assert f"Origin {origin} was refused with 403" in service.log()
    assert ended == {"received": [], "code": 1006}


def test_a_page_of_an_allowed_origin_publishes_and_reads_every_answer(tmp_path: Path, origin: str) -> None:
    with Service(tmp_path / "data", {"server.allowed_origins": [origin], "limits.read": 5}) as service:
        token = service.token("page", "write:dossier:*", "write:document:*")
        told = asyncio.run(_on_page(origin, _CALLS, [service.http, token, UPDATE]))
        service.assert_log_clean()
        assert "was refused" not in service.log()
    assert told["schema"]
    assert told["asyncapi"]
    assert told["published"] == {"status": 200, "offsets": [1]}
    assert told["again"] == {"status": 200, "offsets": [1]}
    assert told["document"] == {"status": 200, "etag": '"1"'}
    assert told["unauthorized"] == {"status": 401, "code": "INVALID_TOKEN", "asks": "Bearer"}
    assert told["limited"]["status"] == 429
    assert int(told["limited"]["wait"]) > 0


def test_a_page_of_a_foreign_origin_can_call_nothing_and_the_log_says_what_to_change(
    tmp_path: Path, origin: str
) -> None:
    with Service(tmp_path / "data") as service:
        token = service.token("page", "write:dossier:*")
        told = asyncio.run(_on_page(origin, _REFUSED_CALLS, [service.http, token, UPDATE]))
        assert told == ["TypeError"] * 3
        assert service.metrics()["dossier_events_published_total"] == 0
        (line,) = [line for line in service.log().splitlines() if "was refused" in line]
    assert f"Origin {origin} was refused with 403" in line
    assert "add it to server.allowed_origins (DOSSIER_SERVER__ALLOWED_ORIGINS)" in line


def test_the_page_that_client_developers_are_shown_works(tmp_path: Path, origin: str) -> None:
    (shown,) = re.findall(r"^```html\n(.*?)^```", (ROOT / "docs" / "client-developers.md").read_text(), re.S | re.M)
    with Service(tmp_path / "data", {"server.allowed_origins": [origin]}) as service:
        token = json.dumps(service.token("page", "write:dossier:*"))
        given = f"window.yourOwnLogin = async () => {token}; window.update = {json.dumps(UPDATE)};"
        page = f"<!doctype html><title>As shown</title><script>{given}</script>\n{shown}"
        (tmp_path / "pages" / "shown.html").write_text(page.replace("https://realtime.example.org", service.http))
        lines = asyncio.run(_console_of(f"{origin}/shown.html", "dossier_update"))
        assert service.metrics()["dossier_events_published_total"] == 1
        service.assert_log_clean()
    assert [line.partition(" ")[0] for line in lines if line.startswith("dossier_update")] == ["dossier_update"]
    assert not [line for line in lines if line.startswith(("closed", "Uncaught", "Access to"))]


async def _console_of(address: str, until: str) -> list[str]:
    """Open a page; return the lines of its console, up to the one that begins with a word."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1_000 * HANG_SECONDS)
        page: Page = await browser.new_page()
        page.set_default_timeout(1_000 * HANG_SECONDS)
        lines: list[str] = []
        page.on("console", lambda message: lines.append(message.text))
        await page.goto(address)
        await eventually_async(lambda: any(line.startswith(until) for line in lines), lambda: lines)
        await browser.close()
    return lines


async def _watched(service: Service, program: ClientProgram, origin: str) -> list[Message]:
    watcher = await Client.connect(service, service.token("u-2", "write:dossier:*", name="Jane Smith"))
    await watcher.subscribe(CHANNEL, include_presence=True)
    token = service.token("u-1", "read:dossier:*", name="Ahmed Al-Rashid")
    running = asyncio.create_task(program(service, token, origin))
    came = asyncio.create_task(watcher.receive("presence_join", timeout_seconds=HANG_SECONDS))
    await asyncio.wait([running, came], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        came.cancel()
        raise AssertionError(f"it left without having come: {running.result()}")
    assert came.result()["payload"] == {
        "user_id": "u-1",
        "name": "Ahmed Al-Rashid",
        "role": "member",
        "avatar": None,
        "status": "online",
        "activity": "viewing",
    }
    await watcher.send(UPDATE)
    received = await running
    assert (await watcher.receive("presence_leave"))["payload"] == {"user_id": "u-1"}
    await watcher.close()
    return received


def _judge(received: list[Message]) -> None:
    """The received messages are those of the contract, in its order; more fields than it prints are allowed."""
    kinds = [message["type"] for message in received]
    assert kinds[:5] == ["auth_success", "connection_state", "subscribed", "dossier_update", "pong"], kinds
    assert set(kinds[5:]) <= {"unsubscribed"}, kinds
    success, state, subscribed, event, pong = received[:5]
    login = success["payload"]
    assert login["user_id"] == "u-1"
    assert login["session_id"] == state["session_id"]
    assert "read:dossier:*" in login["permissions"]
    assert (state["state"], state["reconnect_count"]) == ("authenticated", 0)
    assert subscribed["channel"] == CHANNEL
    assert subscribed["presence"]["count"] == 2
    people = [(user["user_id"], user["name"], user["role"]) for user in subscribed["presence"]["users"]]
    assert sorted(people) == [("u-1", "Ahmed Al-Rashid", "member"), ("u-2", "Jane Smith", "member")]
    payload = event["payload"]
    assert event["channel"] == CHANNEL
    assert {**payload, "updated_by": None, "timestamp": 0} == {**UPDATE["payload"], "updated_by": None, "timestamp": 0}
    assert payload["updated_by"] == {"user_id": "u-2", "name": "Jane Smith"}
    assert isinstance(payload["timestamp"], int)
    assert isinstance(pong["timestamp"], int)


async def _in_chromium(service: Service, token: str, origin: str) -> Any:
    """Hold the conversation on the page, return what `converse` resolves to."""
    return await _on_page(
        origin,
        """async ([url, token, channel]) => {
            const { converse } = await import("./contract_client.mjs");
            return await converse(new WebSocket(url), token, channel);
        }""",
        [service.url, token, CHANNEL],
    )


async def _on_page(origin: str, script: str, given: list[Any]) -> Any:
    """Open the page of an origin, run a function in it, return what it resolves to."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=1_000 * HANG_SECONDS)
        page: Page = await browser.new_page()
        page.set_default_timeout(1_000 * HANG_SECONDS)
        await page.goto(f"{origin}/page.html")
        answered = await page.evaluate(script, given)
        await browser.close()
    return answered


_CALLS = """async ([http, token, event]) => {
    const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" };
    const publish = async () => {
        const answer = await fetch(`${http}/v1/publish`, {
            method: "POST",
            headers: { ...headers, "Idempotency-Key": "page-1", "X-Reason": "a test" },
            body: JSON.stringify({ events: [event] }),
        });
        return { status: answer.status, offsets: (await answer.json()).results.map((place) => place.offset) };
    };
    const told = {
        schema: Boolean((await (await fetch(`${http}/v1/schema.json`)).json())),
        asyncapi: (await (await fetch(`${http}/v1/asyncapi.json`)).json()).asyncapi,
        published: await publish(),
        again: await publish(),
    };
    const put = await fetch(`${http}/v1/documents/page`, {
        method: "PUT",
        headers: { ...headers, "If-Match": '"0"' },
        body: JSON.stringify({ content: "Ports" }),
    });
    told.document = { status: put.status, etag: put.headers.get("ETag") };
    const stranger = await fetch(`${http}/v1/publish`, { method: "POST", headers: { "X-Reason": "a test" } });
    told.unauthorized = {
        status: stranger.status,
        code: (await stranger.json()).error_code,
        asks: stranger.headers.get("WWW-Authenticate"),
    };
    let limited;
    do {
        limited = await fetch(`${http}/v1/documents/page`, { headers });
    } while (limited.status === 200);
    told.limited = { status: limited.status, wait: limited.headers.get("Retry-After") };
    return told;
}"""

_REFUSED_CALLS = """async ([http, token, event]) => {
    const headers = { "Authorization": `Bearer ${token}`, "Content-Type": "application/json" };
    const body = JSON.stringify({ events: [event] });
    const ended = (call) => call.then((answer) => answer.status, (error) => error.name);
    return [
        await ended(fetch(`${http}/v1/schema.json`)),
        await ended(fetch(`${http}/v1/publish`, { method: "POST", headers, body })),
        await ended(fetch(`${http}/v1/publish`, { method: "POST", body })),
    ];
}"""
