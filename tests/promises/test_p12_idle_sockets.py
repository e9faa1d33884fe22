"""P12: sockets that do not log in are closed in 5 seconds, and those who dribble soon after; nobody waits for them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Raw, upgrade
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import (
    CROWD,
    Peer,
    now,
    percentile,
    run,
)

AUTH_TIMEOUT = 4005
SLACK = 10.0  # seconds: far above what a busy machine adds to how often the service looks at its deadlines (0.2)
LOGINS = 100
AT_ONCE = 50  # handshakes under way: it is idle sockets that are to block nobody, not a storm of handshakes


def test_p12_idle_sockets_close_and_block_nobody(tmp_path: Path, report: Report, sized: Sized) -> None:
    idle, dribbling = sized(500, 2_000), 50
    with Service(tmp_path / "data", {**CROWD, "session.auth_timeout": 5}) as service:  # as it is by default
        lives, ended, logins = run(_idle_and_dribble(service, idle, dribbling))
        service.assert_log_clean()
        assert service.metrics()["dossier_connections"] == 0
    at_most, closed = [life.since_dialled for life in lives], [life.since_open for life in lives]
    report(
        f"{idle} idle sockets closed after {min(closed):.1f}-{max(closed):.1f} s, {dribbling} dribbling heads ended "
        f"after ≤ {max(ended):.1f} s; {LOGINS} logins meanwhile: p99 {1000 * percentile(logins, 0.99):.0f} ms"
    )
    assert len(closed) == idle
    assert min(at_most) >= 5
    assert max(closed) <= 5 + SLACK
    assert len(ended) == dribbling
    assert max(ended) <= 10 + SLACK
    assert len(logins) == LOGINS
    assert max(logins) < min(at_most), "a login waited until the idle sockets were gone"


class _Life(NamedTuple):
    """How long a socket lived, in seconds. The service counts from a moment between these two."""

    since_dialled: float
    since_open: float


async def _idle_and_dribble(
    service: Service, idle: int, dribbling: int
) -> tuple[list[_Life], list[float], list[float]]:
    """How long each idle socket lived, each dribbling head, and how long each login took."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        idles = [group.create_task(_idle(service, gate)) for _ in range(idle)]
        heads = [group.create_task(_dribble(service)) for _ in range(dribbling)]
        logins = group.create_task(_log_in(service))
    return [one.result() for one in idles], [one.result() for one in heads], logins.result()


async def _idle(service: Service, gate: asyncio.Semaphore) -> _Life:
    async with gate:
        dialled = now()
        peer = await Peer.open(service)
    opened = now()
    async with asyncio.timeout(HANG_SECONDS):
        assert await peer.closed == AUTH_TIMEOUT
    ended = now()
    return _Life(ended - dialled, ended - opened)


async def _dribble(service: Service) -> float:
    """A handshake, a byte a second, which never ends."""
    raw = await Raw.open(service)
    begun = now()
    ending = asyncio.create_task(raw.ended(timeout_seconds=HANG_SECONDS))
    for byte in upgrade()[:-2]:
        await raw.send(bytes([byte]))
        await asyncio.wait([ending], timeout=1.0)
        if ending.done():
            break
    lived = now() - begun
    assert b" 101 " not in await ending
    await raw.close()
    return lived


async def _log_in(service: Service) -> list[float]:
    """Logins one after the other, over the time in which the others sit there."""
    times = []
    for number in range(LOGINS):
        begun = now()
        peer = await Peer.connect(service, service.token(f"u{number}"))
        times.append(now() - begun)
        await peer.close()
        await asyncio.sleep(0.05)
    return times
