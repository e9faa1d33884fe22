"""The bytes on disk of a keystroke: `python -m benchmarks.disk`. See README.md.

Two people type 6,000 letters in turn, each an operation of its own, with ids as the SDK makes them; a third one reads.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

from app.core.domain import kept_versions
from benchmarks.service import Running, service
from benchmarks.wire import Socket
from dossier_realtime.archive.folder import segment_paths
from dossier_realtime.archive.segments import pack
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import RemoteOperation
from dossier_realtime.recording.joined import headers_of

KEYSTROKES = 6_000
BLOCK = 500  # versions that leave the log at once
TURN = 40  # letters that one of the two types before the other
TEXT = "The committee reviewed the draft and agreed on the wording of its second clause. "
CHANNEL = "document:bench-disk"


async def _type(running: Running, committed: list[bytes]) -> None:
    sockets = [await Socket.open(running.port, running.mint(f"user-{n}", "write:document:*")) for n in range(3)]
    for socket in sockets:
        socket.send({"type": "subscribe", "channel": CHANNEL})
        await socket.until(b'"subscribed"')
    is_read = asyncio.Event()

    def read(frame: bytes) -> None:
        committed.append(frame)
        if len(committed) == KEYSTROKES:
            is_read.set()

    sockets[2].on_frame = read
    for version in range(KEYSTROKES):
        payload = {
            "operation_type": "insert",
            "position": version,
            "content": TEXT[version % len(TEXT)],
            "version": version,
            "op_id": secrets.token_urlsafe(12),
        }
        writer = sockets[version // TURN % 2]
        writer.send({"type": "edit_operation", "channel": CHANNEL, "ref": str(version), "payload": payload})
        await writer.until(b'"operation_ack"')
    await is_read.wait()
    for socket in sockets:
        socket.close()


def _lines(folder: Path) -> list[bytes]:
    (node,) = {path.name.rsplit("-", 1)[0] for path in folder.glob("*.journal")}
    return [line for path in segment_paths(folder, node) for line in path.read_bytes().splitlines(keepends=True)]


def report(committed: list[bytes], data: Path) -> None:
    """Print the bytes of a keystroke in the journal, by kind of entry, and in the store."""
    lines = _lines(data / "journal")
    sizes: Counter[str] = Counter()
    for line in lines[1:]:
        names = [f"{one.kind} {one.type}".strip() for one in headers_of(line.split(b"\t", 2)[1])]
        sizes[", ".join(names)] += len(line)
    raw, closed = sum(map(len, lines)), sum(map(len, pack(lines)))
    store = sum(path.stat().st_size for path in data.glob("engine.db"))
    print(f"journal, as written: {raw / KEYSTROKES:,.0f} bytes a keystroke")
    for kind, size in sizes.most_common(4):
        print(f"    {kind}: {size / KEYSTROKES:,.0f}")
    print(f"journal, once a segment is closed (zstd): {closed / KEYSTROKES:,.0f}")
    print(
        f"store, of what is in the log (10,000 versions a document), with the ids of a day: {store / KEYSTROKES:,.0f}"
    )
    with closing(sqlite3.connect(data / "engine.db")) as db:
        (logged,) = db.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'events%'").fetchone()
    print(f"store, of what is in the log, once the ids are forgotten: {logged / KEYSTROKES:,.0f}")
    print(f"store, of a version beyond the log: {_beyond(committed):,.1f}")


def _beyond(committed: list[bytes]) -> float:
    """Return the bytes of a version in a packed segment."""
    events = [codec.decode_event(frame) for frame in committed]
    versions = [event.payload for event in events if isinstance(event, RemoteOperation)]
    blocks = [kept_versions.pack(versions[at : at + BLOCK]) for at in range(0, len(versions), BLOCK)]
    return sum(map(len, blocks)) / len(versions)


def main() -> None:
    """Type, end the service, and report."""
    committed: list[bytes] = []
    with service(partial(report, committed)) as running:
        asyncio.run(_type(running, committed))


if __name__ == "__main__":
    main()
