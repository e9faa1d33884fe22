"""P16: an outage of Redis keeps every socket; changes are refused, none is falsely acknowledged, and all heals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.eventually import eventually_async
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.promises.checker import Ledger, Place
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import CHANNEL, Peer, Subscriber, now, run, settled, update
from tests.promises.node_cluster import SYNCED, nodes
from tests.promises.proxy import Proxy

Fault = Callable[[RedisServer, Proxy], None]
NOBODY = "127.0.0.1"


def _nothing(_server: RedisServer, _proxy: Proxy) -> None:
    """Change nothing."""


def _stop(server: RedisServer, _: Proxy) -> None:
    server.signal(signal.SIGSTOP)


def _go_on(server: RedisServer, _: Proxy) -> None:
    server.signal(signal.SIGCONT)


def _kill(server: RedisServer, _: Proxy) -> None:
    server.kill()


def _start(server: RedisServer, _: Proxy) -> None:
    server.start()


def _fill(server: RedisServer, _: Proxy) -> None:
    server.command("CONFIG", "SET", "maxmemory", "1")


def _empty(server: RedisServer, _: Proxy) -> None:
    server.command("CONFIG", "SET", "maxmemory", "0")


def _demote(server: RedisServer, _: Proxy) -> None:
    server.command("REPLICAOF", NOBODY, "1")


def _promote(server: RedisServer, _: Proxy) -> None:
    server.command("REPLICAOF", "NO", "ONE")


def _cut(_: RedisServer, proxy: Proxy) -> None:
    proxy.stall()


def _mend(_: RedisServer, proxy: Proxy) -> None:
    proxy.flow()


FAULTS: dict[str, tuple[Fault, Fault]] = {
    "stopped": (_stop, _go_on),
    "killed": (_kill, _start),
    "full": (_fill, _empty),
    "read_only": (_demote, _promote),
    "cut_off": (_cut, _mend),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_p16_an_outage_keeps_sockets_refuses_changes_and_heals(
    tmp_path: Path, report: Report, sized: Sized, fault: str
) -> None:
    with RedisServer(tmp_path / "redis", *SYNCED) as server:
        refused, longest, healed = run(_outage(tmp_path, server, *FAULTS[fault], sized(10, 100)))
    report(
        f"{fault}: {refused} publishes refused, the longest after {longest:.2f} s; "
        f"acknowledged again {healed:.2f} s after the end; 0 sockets lost, 0 false acks"
    )


async def _outage(folder: Path, server: RedisServer, begin: Fault, end: Fault, tries: int) -> tuple[int, float, float]:
    async with Proxy(server) as proxy:
        stack = ExitStack()
        running = await asyncio.to_thread(stack.enter_context, nodes(folder, proxy))
        try:
            return await _through(running, server, proxy, begin, end, tries)
        finally:
            await asyncio.to_thread(stack.close)


async def _through(
    running: list[Service], server: RedisServer, proxy: Proxy, begin: Fault, end: Fault, tries: int
) -> tuple[int, float, float]:
    ledger = Ledger()
    readers = [Subscriber(one, ledger, one.settings["node.id"], one.token("r", "read:dossier:*")) for one in running]  # type: ignore[arg-type]
    for reader in readers:
        await reader.join()
    peers = [await Peer.connect(one, one.token("w", "write:dossier:*")) for one in running]

    async def publish(peer: Peer, event: str) -> tuple[bool, float]:
        began = now()
        ledger.sent(event, CHANNEL, began)
        answer = await peer.ask(update(event) | {"idempotency_key": event})
        if answer["type"] == "ack":
            ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())
            return True, now() - began
        assert answer["error_code"] == "SERVICE_UNAVAILABLE", answer
        return False, now() - began

    for number, peer in enumerate(peers):
        assert (await publish(peer, f"before{number}"))[0]
    await asyncio.to_thread(begin, server, proxy)
    answers = await asyncio.gather(*(publish(peers[number % len(peers)], f"during{number}") for number in range(tries)))
    refused = [seconds for acked, seconds in answers if not acked]
    assert len(refused) == tries, f"{tries - len(refused)} of {tries} were acknowledged in an outage"
    await asyncio.to_thread(end, server, proxy)
    ended = now()
    healed = 0.0
    events = [f"during{number}" for number in range(tries)] + ["after"]
    for event in events:  # asked again with their keys: each takes effect once

        async def acknowledged(event: str = event) -> bool:
            return (await publish(peers[0], event))[0]

        await eventually_async(acknowledged)
        if event == events[0]:
            healed = now() - ended
    await settled(ledger, readers)
    assert all(not peer.closed.done() for peer in peers)
    assert all(one.peer is not None and not one.peer.closed.done() for one in readers)
    ledger.check()
    return len(refused), max(refused), healed
