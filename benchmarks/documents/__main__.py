"""Editing together: operations a second, what a late edit costs, what an open document weighs. See README.md."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from benchmarks.service import Running, service
from benchmarks.wire import Socket
from dossier_realtime.ot.collab import Log, receive
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Insert, Operation, Retain
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import EditPayload

EDITORS = (2, 20, 100)
WINDOWS = (1, 16)
SECONDS = 5.0
DISTANCES = (1, 10, 100, 1_000, 10_000)
DOCUMENTS = 1_000
PER_CONNECTION = 100  # the subscriptions that one may have

_ids = count()


class Editor:
    """Keeps `window` inserts under way at the head of one document, each against the last version it has seen."""

    def __init__(self, socket: Socket, channel: str, window: int) -> None:
        self.latencies: list[float] = []
        self.received = 0
        self.running = True
        self._socket, self._channel, self._window = socket, channel, window
        self._version = 0
        self._sent: list[float] = []
        socket.on_frame = self._take

    def start(self) -> None:
        for _ in range(self._window):
            self._send()

    def _send(self) -> None:
        payload = {
            "operation_type": "insert",
            "position": 0,
            "content": "x",
            "version": self._version,
            "op_id": f"bench-{next(_ids)}",
        }
        self._sent.append(time.perf_counter())
        self._socket.send({"type": "edit_operation", "channel": self._channel, "payload": payload})

    def _take(self, frame: bytes) -> None:
        at = frame.find(b'"version":')
        if at < 0:
            return
        self._version = int(frame[at + 10 :].split(b",", 1)[0].rstrip(b"}"))
        if frame.startswith(b'{"type":"operation_ack"'):
            self.latencies.append(time.perf_counter() - self._sent.pop(0))
            if self.running:
                self._send()
        else:
            self.received += 1


async def throughput(running: Running, editors: int, window: int) -> str:
    """Let all editors write in one document for some seconds, and print a row."""
    channel = channels.document(f"bench-{editors}-{window}")
    sockets = [await Socket.open(running.port, running.token) for _ in range(editors)]
    for socket in sockets:
        socket.send({"type": "subscribe", "channel": channel})
        await socket.until(b'"type":"subscribed"')
    people = [Editor(socket, channel, window) for socket in sockets]
    cpu, mine, began = running.cpu, time.process_time(), time.perf_counter()
    for person in people:
        person.start()
    await asyncio.sleep(SECONDS)
    elapsed, cpu, mine = time.perf_counter() - began, running.cpu - cpu, time.process_time() - mine
    acked, received = sum(len(p.latencies) for p in people), sum(p.received for p in people)
    for person in people:
        person.running = False
    waits = sorted(wait for person in people for wait in person.latencies)
    for socket in sockets:
        socket.close()
    p50, p99 = (1_000 * waits[int(len(waits) * share)] for share in (0.5, 0.99))
    return (
        f"{editors:>7} {window:>6} {acked / elapsed:>12,.0f} {received / elapsed:>14,.0f}"
        f" {p50:>9.1f} {p99:>9.1f} {1e6 * cpu / acked:>12,.0f} {100 * mine / elapsed:>10.0f}"
    )


def distances(length: int = 10_000) -> Iterator[str]:
    """Measure the cost of rebasing an edit past inserts all over a text of `length` units that its author has not seen.

    A letter stays one operation; a delete of a third of the text is cut in two by each insert that it meets.
    """
    letter = EditPayload("insert", length // 2, 0, content="x")
    delete = EditPayload("delete", length // 3, 0, length=length // 3)
    for later in DISTANCES:
        inserts = (_insert(number * 7919 % length, length + number) for number in range(later))
        log, document = Log(0, inserts), Document(to_units("x" * (length + later)))
        one, cut = (
            _median(partial(receive, edit, document, log), rounds)
            for edit, rounds in ((letter, max(5, 2_000 // later)), (delete, 300 // later))
        )
        yield f"{later:>16,} {1e3 * one:>13.2f} {1e3 * cut:>13.2f}"


def _insert(at: int, length: int) -> Operation:
    return Operation.of(Retain(at), Insert(to_units("y")), Retain(length - at))


def _median(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(max(1, rounds)):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


async def memory(running: Running) -> str:
    """Measure the memory of open documents: 2,000 units of text and ten edits each."""
    sockets = [await Socket.open(running.port, running.token) for _ in range(DOCUMENTS // PER_CONNECTION)]
    before = running.rss
    for number, socket in enumerate(sockets):
        for index in range(PER_CONNECTION):
            channel = channels.document(f"weight-{number}-{index}")
            socket.send({"type": "subscribe", "channel": channel})
            await socket.until(b'"type":"subscribed"')
            for version in range(11):
                content = "مذكرة " * 333 if version == 0 else "x"
                payload = {"operation_type": "insert", "position": 0, "content": content, "version": version}
                socket.send({"type": "edit_operation", "channel": channel, "payload": payload})
            for _ in range(11):
                await socket.until(b'"type":"operation_ack"')
    grown = running.rss - before
    for socket in sockets:
        socket.close()
    return f"{DOCUMENTS:,} open documents: {grown / 1024 / 1024:.1f} MiB, {grown / 1024 / DOCUMENTS:.1f} KiB each"


async def over_sockets(running: Running) -> None:
    print(await memory(running))
    print("\neditors window operations/s   deliveries/s    p50 ms    p99 ms  service µs/op  clients' CPU %")
    for editors in EDITORS:
        for window in WINDOWS:
            print(await throughput(running, editors, window))


def main() -> None:
    """Run all measurements and print their tables."""
    with service() as running:
        asyncio.run(over_sockets(running))
    print("\nlater operations  a letter, ms  a delete, ms")
    for line in distances():
        print(line)


if __name__ == "__main__":
    main()
