"""Twenty open pages at fifty events a second: what the dashboard costs, and whether the service feels it.

    DOSSIER_LIMITS__PING=1000000 DOSSIER_LIMITS__GENERAL=1000000 python run.py
    python -m benchmarks.dashboard --url ws://localhost:8000/v1 --dashboard http://localhost:5006 \\
        --token TOKEN --pid PID

`--token` must allow `admin:*` and have a role that may log in to the dashboard; `--pid` is the dashboard's process.
The pages are opened in Chromium; the service's answers to ping are timed with the pages open and closed.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import msgspec
import psutil
from playwright.async_api import Page, async_playwright
from tornado.websocket import WebSocketClientConnection, websocket_connect

from dossier_realtime.client import Publisher

PAGES = ("overview", "presence", "limits", "alerts", "briefs", "documents", "relationships", "connections", "tail")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_BATCHES = 5  # publishes a second
_PING_EVERY = 0.1  # seconds


async def measure(asked: argparse.Namespace) -> None:
    """Open, load, print."""
    load = asyncio.create_task(publish(asked.url, asked.token, asked.rate))
    await asyncio.sleep(2)
    alone = await pings(asked.url, asked.token, asked.seconds)
    print(f"ping without pages: p50 {share(alone, 0.5):.2f} ms, p99 {share(alone, 0.99):.2f} ms", flush=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        pages = await open_pages(browser, asked)
        print(f"{len(pages)} pages are open", flush=True)
        before, began = sum(process(asked).cpu_times()[:2]), time.monotonic()
        changed = await asyncio.gather(
            updates(pages[PAGES.index("tail")]), pings(asked.url, asked.token, asked.seconds)
        )
        used = sum(process(asked).cpu_times()[:2]) - before
        print(f"dashboard: {100 * used / (time.monotonic() - began):.1f} % of a core, ", end="")
        print(f"{process(asked).memory_info().rss / 2**20:.0f} MiB")
        print(f"the live tail is drawn {changed[0]:.1f} times a second")
        watched = changed[1]
        print(f"ping with pages: p50 {share(watched, 0.5):.2f} ms, p99 {share(watched, 0.99):.2f} ms")
        await browser.close()
    load.cancel()


async def open_pages(browser: object, asked: argparse.Namespace) -> list[Page]:
    """One login, and as many tabs as asked for."""
    context = await browser.new_context()  # type: ignore[attr-defined]  # Playwright's Browser
    page: Page = await context.new_page()
    await page.goto(f"{asked.dashboard}/login")
    await page.get_by_role("textbox").fill(asked.token)
    await page.get_by_role("button", name="Log in").click()
    await page.locator(".figure").first.wait_for()
    opened = [page]
    for number in range(1, asked.pages):
        page = await context.new_page()
        await page.goto(f"{asked.dashboard}/{PAGES[number % len(PAGES)]}")
        await page.locator(".blocks > *").first.wait_for()
        opened.append(page)
    return opened


async def updates(page: Page, seconds: float = 10) -> float:
    """How many times a second something of the page is drawn anew."""
    count = await page.evaluate(
        """async (ms) => {
            const find = (root) => root.querySelector(".blocks")
                ?? [...root.querySelectorAll("*")].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean)
            const drawn = new Set()
            const watcher = new MutationObserver(() => drawn.add(Math.round(performance.now() / 50)))
            watcher.observe(find(document), { childList: true, subtree: true, characterData: true })
            await new Promise((done) => setTimeout(done, ms))
            return drawn.size
        }""",
        1000 * seconds,
    )
    return float(count) / seconds


async def publish(url: str, token: str, rate: int) -> None:
    """Events, as many a second, on the dossiers of countries."""
    base = url.replace("ws", "http", 1).removesuffix("/v1")
    payload = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["commitments"]}
    countries = ("SA", "AE", "KW", "EG", "FR", "JP", "BR", "ZA", "CA", "IN")
    async with Publisher(token, base) as publisher:
        due = time.monotonic()
        while True:
            events = [
                {"type": "dossier_update", "channel": f"dossier:country:{countries[n % 10]}", "payload": payload}
                for n in range(rate // _BATCHES)
            ]
            await publisher.publish(events)
            due += 1 / _BATCHES
            await asyncio.sleep(max(0, due - time.monotonic()))


async def pings(url: str, token: str, seconds: float) -> list[float]:
    """Milliseconds from ping to pong, sorted."""
    socket: WebSocketClientConnection = await websocket_connect(url)
    await socket.write_message(msgspec.json.encode({"type": "auth", "payload": {"token": token}}))
    await heard(socket, "auth_success")
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        at = time.perf_counter()
        await socket.write_message('{"type":"ping"}')
        await heard(socket, "pong")
        times.append(1000 * (time.perf_counter() - at))
        await asyncio.sleep(_PING_EVERY)
    socket.close()
    return sorted(times)


async def heard(socket: WebSocketClientConnection, kind: str) -> None:
    """Read until a message of that type. Raises ConnectionError at the end."""
    while (text := await socket.read_message()) is not None:
        if f'"type":"{kind}"' in str(text):
            return
    raise ConnectionError("the service closed the connection; is the token good?")


def share(times: list[float], part: float) -> float:
    """The quantile."""
    return times[min(len(times) - 1, int(part * len(times)))]


def process(asked: argparse.Namespace) -> psutil.Process:
    """The dashboard's process."""
    return psutil.Process(asked.pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--dashboard", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--rate", type=int, default=50, help="events a second")
    parser.add_argument("--seconds", type=float, default=30, help="of each measurement")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
