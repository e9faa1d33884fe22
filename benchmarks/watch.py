"""The viewers of the dashboard's benchmark, in a process of their own: plain sockets, or tabs of a real Chromium.

Told the token on the first line of its input; says "open" when all pages are, answers every further line with how
often each page was told (sockets) or drew (tabs) something so far, and leaves at the end of its input.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import cycle, islice

import msgspec
from playwright.async_api import Page, async_playwright

from benchmarks.viewers import PageViewer, log_in

PAGES = ("tail", "overview", "presence", "limits", "alerts", "briefs", "documents", "relationships", "connections")
CHROMIUM = "/usr/bin/chromium-headless-shell"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
NICE = 10  # in earnest they are other people's machines: here they get no more than the dashboard does
_COUNT_DRAWN = """() => {
    const find = (root) => root.querySelector(".blocks")
        ?? [...root.querySelectorAll("*")].map((e) => e.shadowRoot && find(e.shadowRoot)).find(Boolean)
    window.drawn = 0
    let last = 0
    new MutationObserver(() => {
        const now = performance.now()
        if (now - last > 50) window.drawn += 1  // one message is drawn in one go
        last = now
    }).observe(find(document), { childList: true, subtree: true, characterData: true })
}"""

Count = Callable[[], Awaitable[list[int]]]


@asynccontextmanager
async def sockets(url: str, token: str, pages: list[str]) -> AsyncIterator[Count]:
    """Open pages without a browser."""
    cookie = await log_in(url, token)
    viewers = [await PageViewer.open(url, cookie, page) for page in pages]

    async def count() -> list[int]:
        return [viewer.told for viewer in viewers]

    yield count
    for viewer in viewers:
        await viewer.close()


@asynccontextmanager
async def tabs(url: str, token: str, pages: list[str]) -> AsyncIterator[Count]:
    """Open pages in one Chromium."""
    name, _, value = (await log_in(url, token)).partition("=")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context()
        await context.add_cookies([{"name": name, "value": value, "url": url}])
        opened: list[Page] = []
        for page in pages:
            tab = await context.new_page()
            await tab.goto(f"{url}/{page}")
            await tab.locator(".blocks > :not(.charts)").first.wait_for(timeout=120_000)
            await tab.evaluate(_COUNT_DRAWN)
            opened.append(tab)

        async def count() -> list[int]:
            return [int(await tab.evaluate("window.drawn")) for tab in opened]

        yield count
        await browser.close()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--kind", choices=["sockets", "tabs"], required=True)
    parser.add_argument("--count", type=int, required=True)
    asked = parser.parse_args()
    os.nice(NICE)
    pages = list(islice(cycle(PAGES), asked.count))
    token = (await asyncio.to_thread(sys.stdin.readline)).strip()
    async with (sockets if asked.kind == "sockets" else tabs)(asked.url, token, pages) as count:
        print("open", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(msgspec.json.encode(await count()).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
