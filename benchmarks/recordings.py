"""Reading a journal back, and what writing it costs: `python -m benchmarks.recordings [--entries 1000000]`.

Prints figures of this machine and asserts none of them.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import psutil

from app.journal.compression import closed, compress
from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from app.node.sockets.flusher import Flusher
from app.node.sockets.frames import text_frame
from app.node.sockets.outbox import Outbox, OutboxLimits
from app.node.subscriptions.hub import Hub
from dossier_realtime.archive import open_journal
from dossier_realtime.archive.folder import read_after, segment_paths, verify_node
from dossier_realtime.protocol import channels
from dossier_realtime.recording.entry import Detail, Kind

SESSIONS, CHANNELS, PER_SESSION = 2_000, 200, 4
FRAME = (
    b'{"offset":%d,"type":"dossier_update","channel":"%s","payload":{"entity_type":"country","entity_id":"SA",'
    b'"operation":"update","fields_changed":["gdp","population"],"updated_by":{"user_id":"u1","name":"Sara"},'
    b'"timestamp":1760000000}}'
)
RECEIVERS, FANOUTS = 100, 4_000


@contextmanager
def timed(what: str) -> Iterator[None]:
    started, spent = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - started, time.process_time() - spent
    print(f"{what:<58}{wall:8.2f} s, {cpu:6.2f} s of CPU")


def write(folder: Path, entries: int) -> None:
    """Write the journal of a busy node.

    Seven of ten entries are fan-outs, the others go to or come from single sessions. Every tenth channel is secret.
    """
    rng = random.Random(1)  # noqa: S311  a load, no secret
    journal = Journal(folder, "bench")
    names = [channels.dossier("country", f"c{number}") for number in range(CHANNELS)]
    levels = {name: "secret" if name.endswith("9") else "internal" for name in names}
    offsets = dict.fromkeys(names, 0)
    for number in range(SESSIONS):
        session, user = f"s{number}", f"u{number % 100}"
        rights: Detail = {"name": "Name", "role": "analyst", "clearance": "internal", "permissions": ["read:dossier:*"]}
        rights |= {"address": "192.0.2.1", "connection": f"c{number}", "reconnect_count": 0, "expires_at": 0}
        journal.record("open", session=session, user=user, detail=rights)
        for channel in rng.sample(names, PER_SESSION):
            journal.record("attach", session=session, user=user, channel=channel, level=levels[channel])
    for number in range(entries - SESSIONS * (PER_SESSION + 2) - 2):
        channel = rng.choice(names)
        if number % 10 < 7:
            offsets[channel] += 1
            frame = FRAME % (offsets[channel], channel.encode())
            journal.record(
                "fanout",
                channel=channel,
                offset=offsets[channel],
                epoch="0123456789abcdef",
                commit=number + 1,
                level=levels[channel],
                receivers=SESSIONS * PER_SESSION // CHANNELS,
                frame=frame,
            )
        else:
            one = rng.randrange(SESSIONS)
            kind: Kind = "in" if number % 10 < 9 else "out"
            journal.record(kind, session=f"s{one}", user=f"u{one % 100}", frame=b'{"type":"ping","ref":"r1"}')
        while journal.waiting > 20_000:
            time.sleep(0.01)
    for number in range(SESSIONS):
        detail: Detail = {"code": 1000, "reason": "", "unsent": 0, "connection": f"c{number}"}
        journal.record("close", session=f"s{number}", user=f"u{number % 100}", detail=detail)
    journal.close()


def read(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.glob("*.journal"))
    with timed("importing pandas"):
        importlib.import_module("pandas")
    before = _memory()
    recording = open_journal(folder, clearance="secret")
    with timed("sessions() of the whole, the index made"):
        sessions = recording.sessions()
    entries = len(recording)
    print(f"  {entries} entries; memory grew by {(_memory() - before) / 1e6:.1f} MB")
    before = _memory()
    redacted = open_journal(folder)
    with timed("sessions() up to internal, redacted view and index made"):
        redacted.sessions()
    print(f"  {len(redacted)} entries; memory grew by {(_memory() - before) / 1e6:.1f} MB")
    with timed("transcript() of one session"):
        frames = recording.transcript(str(sessions.index[0]))
    with timed("transcript() of one session, up to internal"):
        redacted.transcript(str(sessions.index[0]))
    print(f"  {len(sessions)} sessions; the transcript of the whole has {len(frames)} frames")
    with timed("channels()"):
        recording.channels()
    with timed("delivered_to() one event"):
        recording.delivered_to("dossier:country:c0", 100)
    with timed("verify()"):
        print(f"  intact: {verify_node(folder, 'bench').ok}")
    archive = Archive(folder, "bench", Signer(folder.parent))
    for what, clearance in (("whole export", ""), ("partial export (clearance internal)", "internal")):
        before = most = _memory()
        with timed(what), (folder.parent / "export.ndjson").open("wb") as file:
            level_of = (lambda name: "internal") if clearance else None
            lines = archive.export(
                Selection(), made_at=0, made_by="bench", clearance=clearance or "secret", level_of=level_of
            )
            for number, line in enumerate(lines):
                file.write(line)
                if number % 10_000 == 0:
                    most = max(most, _memory())
        written = (folder.parent / "export.ndjson").stat().st_size
        print(f"  {written / 1e6:.0f} MB written, memory grew by {(most - before) / 1e6:.1f} MB")
    print(f"  size of the journal: {size / entries:.0f} bytes an entry, {size / entries:.0f} MB a million")


def compressed(folder: Path) -> None:
    """Measure what compressing the closed segments costs and saves, and what is read of them."""
    before = sum(path.stat().st_size for path in segment_paths(folder, "bench"))
    with timed("compressing the closed segments"):
        for path in closed(folder, "bench"):
            compress(path)
    paths = segment_paths(folder, "bench")
    packed = sum(path.stat().st_size for path in paths)
    print(f"  {before / 1e6:.0f} MB plain, {packed / 1e6:.0f} MB now ({before / packed:.1f} to 1)")
    with timed("verify(), compressed"):
        print(f"  intact: {verify_node(folder, 'bench').ok}")
    recording = open_journal(folder, clearance="secret")
    with timed("sessions() of the whole, compressed"):
        sessions = recording.sessions()
    with timed("transcript() of one session, compressed"):
        recording.transcript(str(sessions.index[0]))
    with timed("a page of 100 entries from the middle, compressed"):
        list(islice(read_after(folder, "bench", len(recording) // 2), 100))


def _memory() -> int:
    """Return the process's own memory in bytes, without the pages of mapped files, which the system may take back."""
    found = psutil.Process().memory_info()
    return int(found.rss - found.shared)


class _Reader:
    """A client whose socket another thread empties."""

    user_id = "u1"
    connection_id = "c1"
    outbox: Outbox

    def too_slow(self) -> None:
        raise AssertionError("nobody is slow here")

    def wire_lost(self) -> None:
        raise AssertionError("nobody leaves here")

    def replaced_frames(self, places: object) -> None:
        raise AssertionError("nothing waits here")


async def fan_out(folder: Path) -> None:
    """Measure the CPU time of a fan-out with the journal and without, alternating in one run."""
    loop = asyncio.get_running_loop()
    hub: Hub[_Reader] = Hub()
    flusher = Flusher(loop)
    for _ in range(RECEIVERS):
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        theirs.setblocking(False)
        reader = _Reader()
        reader.outbox = Outbox(mine, loop, flusher, OutboxLimits(), reader)
        loop.add_reader(theirs.fileno(), theirs.recv, 1 << 16)
        hub.add("global", reader, 0)
        hub.resume("global", reader)
    journal = Journal(folder, "bench")
    payload = FRAME % (1, b"global")
    spent = {True: 0.0, False: 0.0}
    for turn in range(10):
        on = turn % 2 == 0
        started = time.process_time()
        for number in range(FANOUTS // 10):
            receivers = hub.live("global")
            if on:
                journal.record("fanout", channel="global", offset=number, commit=number, frame=payload, receivers=1)
            hub.deliver(text_frame(payload), receivers)
            await asyncio.sleep(0)
        while journal.waiting:  # noqa: ASYNC110  a bound, not an event
            await asyncio.sleep(0.01)
        spent[on] += time.process_time() - started
    journal.close()
    ratio = spent[True] / spent[False]
    each = (spent[True] - spent[False]) / (FANOUTS / 2) * 1e6
    print(f"a fan-out to {RECEIVERS}: journal on/off {ratio:.3f} of CPU time ({each:.0f} µs an entry)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    entries = parser.parse_args().entries
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        data = Path(folder)
        with timed(f"writing {entries} entries, paced by the writer"):
            write(data / "journal", entries)
        read(data / "journal")
        compressed(data / "journal")
        asyncio.run(fan_out(data / "fanout"))


if __name__ == "__main__":
    main()
