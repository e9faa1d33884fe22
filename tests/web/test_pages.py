"""Lists of sessions and channels come in pages, and a turn of the loop does a bounded part of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from app.engine.ports.events import PublicationEntry
from app.node.sockets.turns import Turns
from app.web.operators.pages import first_after
from tests.harness import tokens
from tests.harness.in_process import running
from tests.harness.measurements import Report
from tests.harness.wire import Client, Raw, request

_KEYS = st.lists(st.text("abc", max_size=4), max_size=30)


@given(keys=st.lists(_KEYS, max_size=4), limit=st.integers(1, 8), unwanted=st.sets(st.text("abc", max_size=4)))
def test_pages_hold_every_wanted_key_once_and_in_order(keys: list[list[str]], limit: int, unwanted: set[str]) -> None:
    async def scene() -> list[str]:
        turns, after, seen = Turns(asyncio.get_running_loop()), None, list[str]()
        while True:
            page, more = await first_after(keys, after, limit, lambda key: key not in unwanted, turns)
            assert len(page) == limit or not more
            seen += page
            if not more:
                return seen
            after = page[-1]

    assert asyncio.run(scene()) == sorted({key for listed in keys for key in listed} - unwanted)


def test_forty_thousand_keys_take_many_turns(report: Report) -> None:
    async def scene() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        turns, others, longest, last = Turns(loop, seconds=3600.0), 0, 0.0, time.perf_counter()

        def other() -> None:
            nonlocal others, longest, last
            others, now = others + 1, time.perf_counter()
            longest, last = max(longest, now - last), now
            loop.call_soon(other)

        other()
        keys = [f"dossier:country:c{n * 7919 % 40_000}" for n in range(40_000)]
        page, more = await first_after([keys], None, 1_000, lambda key: True, turns)
        assert page == sorted(keys)[:1_000]
        assert more
        return others, longest

    others, longest = asyncio.run(scene())
    report(f"40,000 keys: {others} turns of the loop, the longest {1000 * longest:.1f} ms")
    assert others >= 40_000 / 500 / (64 / 16)


def test_a_reader_of_pages_sees_every_session_and_every_channel_once(tmp_path: Path) -> None:
    async def pages(call: Callable[[str], Awaitable[Any]], name: str, limit: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        answer = await call(f"/v1/{name}?limit={limit}")
        rows += answer[name]
        while "next" in answer:
            assert len(answer[name]) == limit
            answer = await call(f"/v1/{name}?limit={limit}&after={quote(answer['next'])}")
            rows += answer[name]
        return rows

    async def scene() -> None:
        async with running(tmp_path / "data") as service, AsyncExitStack() as stack:
            raw = await Raw.open(service)
            stack.push_async_callback(raw.close)

            async def call(path: str, status: int = 200) -> Any:
                operator = ("Authorization", f"Bearer {tokens.operator()}")
                await raw.send(request("GET", path, ("Host", "localhost"), operator))
                answer = await raw.response()
                assert answer.status == status, answer
                return answer.json()

            published = [f"dossier:country:c{n:04}" for n in range(1_200)]
            await service.engine.broker.publish(
                [PublicationEntry(name, b'{"type":"test"}', durable=True) for name in published]
            )
            for number in range(23):
                client = await stack.enter_async_context(await Client.connect(service, tokens.token(f"u-{number}")))
                if number == 0:
                    await client.subscribe("global")
            rows = await pages(call, "channels", 100)
            own = [f"user:u-{number}" for number in range(23)]
            assert [row["channel"] for row in rows] == sorted([*published, *own, "global"])
            assert (await call("/v1/channels"))["channels"] == rows[:1_000]
            sessions = await pages(call, "sessions", 7)
            assert [row["user_id"] for row in sessions] == [f"u-{number}" for number in range(23)]
            assert sessions[0]["channels"] == ["global", "user:u-0"]
            for bad in ("/v1/sessions?after=nonsense", "/v1/sessions?limit=0", "/v1/channels?limit=1001"):
                assert (await call(bad, 400))["error_code"] == "INVALID_MESSAGE_FORMAT"

    asyncio.run(scene())
