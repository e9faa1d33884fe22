"""P13: who is revoked receives nothing after 2 s, whose token expires nothing after 1 s, who loses a right nothing.

Told by when an event was sent, not by when it came: what was sent before the right was lost may still be on its way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.promises.checker import Ledger
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import (
    CROWD,
    Publisher,
    Subscriber,
    door,
    now,
    run,
    settled,
    until,
)

REVOKED, TOKEN_EXPIRED = 4501, 4002
RATE = 100  # events a second
LIFE = 3  # seconds of the tokens that expire

Take = Callable[[list[Subscriber]], Awaitable[None]]


def test_p13_nothing_is_delivered_after_a_right_is_lost(tmp_path: Path, report: Report, sized: Sized) -> None:
    each = sized(15, 50)
    with Service(tmp_path / "data", CROWD) as service:
        ledger, ends = run(_lose_rights(service, each))
        service.assert_log_clean()
    figures = [f"{way} ≤ {1000 * max(0.0, took):.0f} ms" for way, took in ends.items()]
    report(f"{4 * each} sessions, {RATE} events/s: {', '.join(figures)}; 0 of {ledger.acks} events delivered after")


async def _lose_rights(service: Service, each: int) -> tuple[Ledger, dict[str, float]]:
    ledger, ends = Ledger(), dict[str, float]()
    async with _publishing(service, ledger), door(service, service.token("operator", "admin:*")) as operator:
        kept = Subscriber(service, ledger, "kept", service.token("kept", "read:dossier:*", clearance="secret"))
        await kept.join()
        ends["revocation"] = await _revoked(service, ledger, operator, each)
        ends["expiry"] = await _expired(service, ledger, each)
        ends["renewal"] = await _renewed_without(service, ledger, each)
        ends["classification"] = await _raised(service, ledger, operator, each)
        acked = ledger.acks
        await until(lambda: ledger.acks >= acked + RATE)  # traffic that must reach none of them
    await settled(ledger, [kept])
    ledger.check()
    assert ledger.acks >= RATE
    return ledger, ends


@asynccontextmanager
async def _publishing(service: Service, ledger: Ledger) -> AsyncIterator[None]:
    publisher = Publisher(
        service, ledger, "p", service.token("publisher", "write:dossier:*", clearance="secret"), window=1_000
    )
    work = asyncio.create_task(publisher.publish(1_000_000, rate=RATE))
    try:
        yield
    finally:
        await asyncio.sleep(0.1)  # what is under way is answered, so that it can be owed
        work.cancel()
        await asyncio.wait([work])


async def _readers(service: Service, ledger: Ledger, way: str, each: int) -> list[Subscriber]:
    """Readers who receive; the user and the token of each are called after it."""
    names = [f"{way}-{number}" for number in range(each)]
    readers = [Subscriber(service, ledger, name, service.token(name, "read:dossier:*", jti=name)) for name in names]
    await asyncio.gather(*(one.join() for one in readers))
    await until(lambda: all(one.account.since.offset > one.account.spans[0].start.offset for one in readers))
    return readers


async def _revoked(service: Service, ledger: Ledger, operator: httpx.AsyncClient, each: int) -> float:
    readers = await _readers(service, ledger, "revoked", each)
    last = 0.0
    for number, one in enumerate(readers):
        begun = now()
        match number % 3:
            case 0:
                answer = await operator.post("/tokens/revoke", json={"user": one.name})
            case 1:
                answer = await operator.post("/tokens/revoke", json={"jti": one.name})
            case _:
                answer = await operator.post(f"/users/{one.name}/disconnect")
        assert answer.status_code == 200, answer.text
        one.account.forbid(now())  # not even in the two seconds that it may take over several nodes
        last = max(last, await _closed(one, REVOKED) - begun)
    return last


async def _expired(service: Service, ledger: Ledger, each: int) -> float:
    readers = await _readers(service, ledger, "expired", each)
    ends: list[float] = []
    for one in readers:
        assert one.peer is not None
        # The short token is shown once all receive: a crowd may take longer to come than it lives.
        await one.peer.authenticate(service.token(one.name, "read:dossier:*", ttl=LIFE))
        ends.append(one.peer.login["expires_at"] - time.time() + now())
        one.account.forbid(ends[-1] + 1)
    return max([await _closed(one, TOKEN_EXPIRED) - end for one, end in zip(readers, ends, strict=True)])


async def _renewed_without(service: Service, ledger: Ledger, each: int) -> float:
    readers = await _readers(service, ledger, "renewed", each)
    last = 0.0
    for one in readers:
        begun = now()
        assert one.peer is not None
        await one.peer.authenticate(service.token(one.name, "read:workspace:*"))
        one.account.forbid(now())
        last = max(last, now() - begun)
    return last


async def _raised(service: Service, ledger: Ledger, operator: httpx.AsyncClient, each: int) -> float:
    readers = await _readers(service, ledger, "raised", each)
    begun = now()
    answer = await operator.put(f"/channels/{readers[0].channel}", json={"classification": "confidential"})
    assert answer.status_code == 200, answer.text
    for one in readers:
        one.account.forbid(now())
    return now() - begun


async def _closed(one: Subscriber, code: int) -> float:
    """When the connection was closed, with this code."""
    assert one.peer is not None
    assert await asyncio.wait_for(asyncio.shield(one.peer.closed), HANG_SECONDS) == code
    return now()
