"""P25: nothing leaks: clients that come and go in every way leave neither memory nor tasks nor descriptors behind."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from pathlib import Path
from statistics import linear_regression

import psutil

from tests.harness.eventually import eventually_async
from tests.harness.measurements import FULL, Report, Sized
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.promises.load_clients import CROWD, Peer, run, update

MIB = 1 << 20
AT_ONCE = 20
# What is kept on purpose is full before the second half begins: a document's log has 10,000 versions, and a session
# that ended can be resumed for a while.
DOCUMENTS, LENGTH = 2, 100
SETTINGS = {**CROWD, "session.resume_window": 10}
VISITS_AN_HOUR = 180_000  # what the bound of 1 MiB an hour is for: fifty visits a second
_numbers = count()
_tokens: dict[str, str] = {}

GAUGES = (
    "dossier_connections",
    "dossier_sessions",
    "dossier_subscriptions",
    "dossier_tcp_connections",
    "dossier_tasks",
)
"""The figures that are back at their base once everybody is gone."""


async def _visit(service: Service) -> None:
    """One client: logs in, is present, writes, edits, and goes in one of four ways; another one resumes its session."""
    number = next(_numbers)
    user = f"u-{number % 200}"
    if user not in _tokens:  # a user's one token: each new one would be remembered, up to a bound of its own
        _tokens[user] = service.token(user, "write:dossier:*", "write:document:*", "read:workspace:*")
    token = _tokens[user]
    peer = await Peer.connect(service, token)
    channels = (f"dossier:country:c{number % 50}", f"workspace:w{number % 50}", f"document:d{number % DOCUMENTS}")
    answer: Message = {}
    for channel in channels:
        answer = await peer.ask({"type": "subscribe", "channel": channel, "params": {"include_presence": True}})
    await peer.ask({"type": "presence_update", "channel": channels[1], "payload": {"activity": "editing"}})
    await peer.ask(update(f"e-{number}", channels[0]))
    edit: Message = {"operation_type": "insert", "position": 0, "content": "x"}
    if len(answer["document"]["content"]) > LENGTH:
        edit = {"operation_type": "delete", "position": 0, "length": 1}
    edit["version"] = answer["document"]["version"]
    await peer.ask({"type": "edit_operation", "channel": channels[2], "payload": edit})
    match number % 4:
        case 0:
            await peer.close()
        case 1:
            peer.reset()
        case 2:  # resumed over a line that still stands
            again = await Peer.connect(service, token, peer.login["session_id"])
            await again.ask({"type": "subscribe", "channel": channels[0], "params": {"last": 5}})
            await again.close()
            peer.reset()
        case _:
            await peer.ask({"type": "unsubscribe", "channel": channels[0]})
            peer.send("[" * 10)
            peer.reset()


def test_p25_nothing_leaks(tmp_path: Path, report: Report, sized: Sized) -> None:
    warm_up, rounds, visits = 300, sized(4, 60), sized(150, 3_000)

    async def churn(service: Service, times: int) -> None:
        places = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with places:
                await _visit(service)

        await asyncio.gather(*(one() for _ in range(times)))

    async def at_rest(service: Service) -> dict[str, float]:
        """The gauges once everybody is gone, and nobody's presence is waited for any more."""
        figures: dict[str, float] = {}

        async def is_quiet() -> bool:
            figures.update(await asyncio.to_thread(service.metrics))
            return not figures["dossier_sessions"] and not figures["dossier_connections"]

        await eventually_async(is_quiet, poll=0.2)
        return figures

    async def scene(service: Service) -> None:
        process = psutil.Process(service.pid)
        await churn(service, warm_up)
        base = await at_rest(service)
        descriptors = process.num_fds()
        began, memory = time.monotonic(), [(0.0, process.memory_info().rss)]
        for _ in range(rounds):
            await churn(service, visits)
            await at_rest(service)
            memory.append((time.monotonic() - began, process.memory_info().rss))
        seconds = time.monotonic() - began
        figures: dict[str, float] = {}

        async def is_back() -> bool:
            figures.update(await at_rest(service))
            same = all(figures[name] <= base[name] for name in GAUGES if name in base)
            return same and process.num_fds() <= descriptors + 2  # a request for the figures is one itself

        await eventually_async(is_back, lambda: (figures, process.num_fds(), descriptors), poll=0.5)
        later = memory[len(memory) // 2 :]
        an_hour = linear_regression(*zip(*later, strict=True)).slope * 3_600
        a_visit = linear_regression(range(len(later)), [rss for _, rss in later]).slope / visits
        report(
            f"{rounds} × {visits} visits in {seconds:.0f} s: tasks {figures['dossier_tasks']:.0f} of"
            f" {base['dossier_tasks']:.0f}, descriptors {process.num_fds()} of {descriptors}; RSS"
            f" {memory[0][1] / MIB:.1f} → {memory[-1][1] / MIB:.1f} MiB, in the second half"
            f" {an_hour / MIB:+.2f} MiB an hour, {a_visit:+.1f} bytes a visit"
        )
        if FULL:  # shorter ones see how an allocator settles
            assert a_visit * VISITS_AN_HOUR <= MIB, memory

    with Service(tmp_path / "data", SETTINGS) as service:
        run(scene(service))
        service.stop()
        service.assert_log_clean()
