"""A disk that loses in a power cut what was not synced: a FUSE file system in memory, over /dev/fuse without a library.

    with LossyDisk(tmp_path / "disk") as disk:
        with Service(disk.folder) as service:
            ...
            lost = disk.cut(seed=1)   # every call fails from now on
            service.kill()
            disk.power_on()           # what is left is mounted in the same place
            service.start()

It is harsher than a common disk. Of a file, what was written since its last fsync is kept write by write at random, in
any order, and torn into sectors; of a folder, so many of its latest changes (creations, renames, removals) as chance
wants are forgotten, unless the folder was fsynced. An fsync of a file does not make its name durable.

It needs the right to mount. `usable()` says whether there is one.
"""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import random
import select
import stat
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, Self

SECTOR = 512
_ROOT = 1
_HOUR = 3600  # names and attributes change through this mount alone: the kernel may keep them
_MAX_WRITE = 128 * 1024
_HEADER = struct.Struct("<IIQQIIII")
_NO_REPLY = (2, 36, 42)  # FORGET, INTERRUPT, BATCH_FORGET
_MNT_DETACH = 2


class Lost(NamedTuple):
    """The losses of a power cut: of unsynced writes those that were dropped and torn, and names forgotten."""

    writes: int
    torn: int
    names: int


class Change(NamedTuple):
    """A write that is not yet durable; without data, the length that the file was cut or grown to."""

    offset: int
    data: bytes | None


@dataclass
class Node:
    """A file or folder: as it is seen, and as it would be found after a power cut."""

    number: int
    mode: int
    live: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    changes: list[Change] = field(default_factory=list)
    names: dict[bytes, int] = field(default_factory=dict)
    durable_names: dict[bytes, int] = field(default_factory=dict)
    name_changes: list[dict[bytes, int]] = field(default_factory=list)  # each as it was after one more change
    changed: float = field(default_factory=time.time)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    def write(self, offset: int, data: bytes) -> None:
        self._apply(self.live, Change(offset, data))
        self.changes.append(Change(offset, data))
        self.changed = time.time()

    def resize(self, size: int) -> None:
        self._apply(self.live, Change(size, None))
        self.changes.append(Change(size, None))
        self.changed = time.time()

    def rename(self) -> None:
        """Note the names as they are now."""
        self.name_changes.append(dict(self.names))

    def sync(self) -> None:
        if self.is_folder:
            self.durable_names = dict(self.names)
            self.name_changes.clear()
        elif self.changes:
            self.durable = bytes(self.live)
            self.changes.clear()

    def cut(self, chance: random.Random) -> Lost:
        """Become what a power cut leaves."""
        dropped = torn = 0
        left = bytearray(self.durable)
        for change in chance.sample(self.changes, len(self.changes)) if chance.random() < 0.5 else self.changes:
            fate = chance.random()
            if fate < 0.4:
                dropped += 1
            elif fate < 0.7 and change.data is not None and len(change.data) > SECTOR:
                torn += 1
                self._tear(left, change.offset, change.data, chance)
            else:
                self._apply(left, change)
        states = [self.durable_names, *self.name_changes]
        kept = chance.randrange(len(states))
        forgotten = len(states) - 1 - kept
        self.durable = bytes(left)
        self.live = left
        self.names = dict(states[kept])
        self.durable_names = dict(states[kept])
        self.changes.clear()
        self.name_changes.clear()
        return Lost(dropped, torn, forgotten)

    def _tear(self, content: bytearray, offset: int, data: bytes, chance: random.Random) -> None:
        place = 0
        while place < len(data):
            end = min(len(data), place + SECTOR - (offset + place) % SECTOR)
            if chance.random() < 0.5:
                self._apply(content, Change(offset + place, data[place:end]))
            place = end

    @staticmethod
    def _apply(content: bytearray, change: Change) -> None:
        offset, data = change
        if data is None:
            del content[offset:]
            content.extend(bytes(offset - len(content)))
            return
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


class _Failed(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


class _Disk:
    """The file system's answers, by the number of the kernel's request (linux/fuse.h)."""

    def __init__(self) -> None:
        self.nodes = {_ROOT: Node(_ROOT, stat.S_IFDIR | 0o700)}
        self.is_dead = False
        self.syncs = 0
        self._answers: dict[int, Callable[[Node, bytes], bytes]] = {
            1: lambda node, body: self._entry(self._child(node, _name(body))),
            3: lambda node, body: self._attributes(node),
            4: self._set_attributes,
            8: lambda node, body: self._make(node, _name(body[16:]), *struct.unpack_from("<I", body)),
            9: lambda node, body: self._make(
                node, _name(body[8:]), struct.unpack_from("<I", body)[0] & 0o7777 | stat.S_IFDIR
            ),
            10: self._remove,
            11: self._remove,
            12: lambda node, body: self._move(node, body[8:], struct.unpack_from("<Q", body)[0]),
            13: self._link,
            14: lambda node, body: _OPENED,
            15: self._read,
            16: self._write,
            17: lambda node, body: struct.pack(
                "<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096, 0
            ),
            18: lambda node, body: b"",
            20: self._sync,
            25: lambda node, body: b"",
            26: self._begin,
            27: lambda node, body: _OPENED,
            28: self._list,
            29: lambda node, body: b"",
            30: self._sync,
            34: lambda node, body: b"",
            35: lambda node, body: self._make(node, _name(body[16:]), *struct.unpack_from("<4xI", body)) + _OPENED,
            43: self._reserve,
            45: lambda node, body: self._move(node, body[16:], struct.unpack_from("<Q", body)[0]),
        }

    def answer(self, opcode: int, number: int, body: bytes) -> bytes:
        """Return the answer's body. Raises _Failed."""
        if self.is_dead and opcode not in (18, 25, 26, 29):
            raise _Failed(errno.EIO)
        known = self._answers.get(opcode)
        if known is None:
            raise _Failed(errno.ENOSYS)
        return known(self.nodes.get(number) or self.nodes[_ROOT], body)

    def cut(self, seed: int) -> Lost:
        """Lose what was not synced, and fail from now on."""
        self.is_dead = True
        chance = random.Random(seed)  # noqa: S311  it is to be the same again
        lost = [node.cut(chance) for _, node in sorted(self.nodes.items())]
        return Lost(*(sum(column) for column in zip(*lost, strict=True)))

    def _begin(self, node: Node, body: bytes) -> bytes:
        major, minor, ahead = struct.unpack_from("<III", body)
        return struct.pack("<IIIIHHIIHHI28x", major, min(minor, 31), ahead, 1 << 5, 16, 12, _MAX_WRITE, 1, 0, 0, 0)

    def _child(self, folder: Node, name: bytes) -> Node:
        if name not in folder.names:
            raise _Failed(errno.ENOENT)
        return self.nodes[folder.names[name]]

    def _make(self, folder: Node, name: bytes, mode: int) -> bytes:
        if name in folder.names:
            raise _Failed(errno.EEXIST)
        node = Node(len(self.nodes) + 1, mode if stat.S_IFMT(mode) else mode | stat.S_IFREG)
        self.nodes[node.number] = node
        folder.names[name] = node.number
        folder.rename()
        return self._entry(node)

    def _link(self, folder: Node, body: bytes) -> bytes:
        node = self.nodes[struct.unpack_from("<Q", body)[0]]
        folder.names[_name(body[8:])] = node.number
        folder.rename()
        return self._entry(node)

    def _remove(self, folder: Node, body: bytes) -> bytes:
        node = self._child(folder, _name(body))
        if node.names:
            raise _Failed(errno.ENOTEMPTY)
        del folder.names[_name(body)]
        folder.rename()
        return b""

    def _move(self, folder: Node, names: bytes, target: int) -> bytes:
        old, new = names.split(b"\0")[:2]
        to = self.nodes[target]
        to.names[new] = self._child(folder, old).number
        del folder.names[old]
        folder.rename()
        if to is not folder:
            to.rename()
        return b""

    def _set_attributes(self, node: Node, body: bytes) -> bytes:
        valid, size, mode = struct.unpack_from("<I12xQ44xI", body)
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | mode & 0o7777
        if valid & 8:
            node.resize(size)
        return self._attributes(node)

    def _read(self, node: Node, body: bytes) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        return bytes(node.live[offset : offset + size])

    def _write(self, node: Node, body: bytes) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        node.write(offset, body[40 : 40 + size])
        return struct.pack("<II", size, 0)

    def _reserve(self, node: Node, body: bytes) -> bytes:
        offset, length, mode = struct.unpack_from("<8xQQI", body)
        if mode:
            raise _Failed(errno.EOPNOTSUPP)
        node.resize(max(len(node.live), offset + length))
        return b""

    def _sync(self, node: Node, body: bytes) -> bytes:
        node.sync()
        self.syncs += 1
        return b""

    def _list(self, node: Node, body: bytes) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        found = b""
        for place, (name, number) in enumerate(sorted(node.names.items()), 1):
            kind = self.nodes[number].mode >> 12
            row = struct.pack("<QQII", number, place, len(name), kind) + name
            row += bytes(-len(row) % 8)
            if place > offset:
                if len(found) + len(row) > size:
                    break
                found += row
        return found

    def _attributes(self, node: Node) -> bytes:
        return struct.pack("<QII", _HOUR, 0, 0) + self._attr(node)

    def _entry(self, node: Node) -> bytes:
        return struct.pack("<QQQQII", node.number, 1, _HOUR, _HOUR, 0, 0) + self._attr(node)

    def _attr(self, node: Node) -> bytes:
        seconds, size = int(node.changed), len(node.live)
        parts = 1e9 * (node.changed - seconds)
        times = (seconds, seconds, seconds, *[int(parts)] * 3)
        return struct.pack(
            "<6Q10I",
            node.number,
            size,
            (size + 511) // 512,
            *times,
            node.mode,
            1,
            os.geteuid(),
            os.getegid(),
            0,
            4096,
            0,
        )


_OPENED = struct.pack("<QII", 0, 0, 0)


def _name(body: bytes) -> bytes:
    return body.split(b"\0", 1)[0]


def _mount(folder: Path) -> int:
    """Mount, and return the descriptor that the kernel asks on. Raises OSError."""
    descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={descriptor},rootmode=40000,user_id={os.geteuid()},group_id={os.getegid()}".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"lossy", os.fsencode(folder), b"fuse.lossy", 6, options):
        os.close(descriptor)
        raise OSError(ctypes.get_errno(), "no right to mount")
    return descriptor


def _unmount(folder: Path) -> None:
    ctypes.CDLL(None).umount2(os.fsencode(folder), _MNT_DETACH)


def _serve(folder: Path, orders: Connection) -> None:
    """Run the disk's process: answer the kernel's requests and the test's orders in turn."""
    disk, descriptor = _Disk(), _mount(folder)
    orders.send(None)
    while True:
        ready, _, _ = select.select([descriptor, orders.fileno()], [], [])
        if descriptor in ready:
            try:
                request = os.read(descriptor, _MAX_WRITE + 4096)
            except OSError:  # somebody else unmounted it
                return
            _reply(disk, descriptor, request)
        else:
            try:
                order = orders.recv()
            except EOFError:
                order = "end"
            if order == "end":
                _unmount(folder)
                return
            if order == "power on":
                _unmount(folder)
                os.close(descriptor)
                disk.is_dead = False
                descriptor = _mount(folder)
                orders.send(None)
            else:
                orders.send(disk.cut(order))


def _reply(disk: _Disk, descriptor: int, request: bytes) -> None:
    _, opcode, unique, number, *_ = _HEADER.unpack_from(request)
    error, body = 0, b""
    try:
        body = disk.answer(opcode, number, request[_HEADER.size :])
    except _Failed as failed:
        error = failed.number
    if opcode in _NO_REPLY:
        return
    with suppress(OSError):  # who asked was killed meanwhile
        os.write(descriptor, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


def usable() -> bool:
    """Return True when this process may mount file systems of its own."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return os.geteuid() == 0


class LossyDisk:
    """A lossy disk, mounted on `folder` while the `with` block lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        self._orders, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(folder, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        self._orders.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.send("end")
        self._process.join()

    def cut(self, seed: int) -> Lost:
        """Cut the power: every call fails, and what was not synced is lost as `seed` has it."""
        self._orders.send(seed)
        lost: Lost = self._orders.recv()
        return lost

    def power_on(self) -> None:
        """Mount what is left. Whoever used the disk is to be killed before."""
        self._orders.send("power on")
        self._orders.recv()
