"""Joining an edit, its acknowledgement and its fan-out in one line (dossier_realtime/recording/joined.py).

The loop records the three as any entries, each at its time, and marks them when the third is in the queue. The writer
comes to them a little later: an edit that is marked by then waits in the writer's hands for its fan-out, which stands
in the same queue, and goes to the disk with it. An edit that is not marked yet is written alone, and so are then the
other two: nothing waits for what may come, and what a crash loses is not more.

The edit moves behind the entries between. Its header says after which entry it came (`after`). It moves past nothing
that its decision could depend on: neither past what changes rights, sessions or settings, nor past a refusal, nor past
frames of the same user, but for cursors and for later edits of the same document that move along with it. Before
any of these a waiting edit is written.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from app.journal.lanes import Waiting
from dossier_realtime.recording.entry import SEAL_DIGITS, Entry, Header
from dossier_realtime.recording.joined import Joined, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dossier_realtime.recording.entry import Kind

_PASSED: Final[frozenset[Kind]] = frozenset({"in", "out", "fanout", "conflated"})
_SEALS: Final = 64  # that are drawn at once
_KIND, _SESSION, _USER, _CHANNEL, _TYPE = 0, 2, 3, 4, 15
"""Places in the fields of an entry that waits (Journal.record)."""


class JoinedEdit(NamedTuple):
    """A line of three entries: an edit, which came after entry `after`, its acknowledgement, its fan-out."""

    line: Joined
    entries: tuple[Waiting, Waiting, Waiting]
    after: int


class EntryAlone(NamedTuple):
    """An entry with a line of its own; `after` is 0 where it stands at the place at which it came."""

    entry: Waiting
    after: int = 0


def mark(fanout: Waiting, before: Waiting | None) -> None:
    """Mark an edit whose fan-out has just been queued, behind `before`: its acknowledgement, if it has one.

    Belongs to the loop. The edit is marked last: a writer that sees its mark finds the other two in the queue.
    """
    edit = fanout.cause
    if isinstance(edit, int) or edit.seq or before is None or before is edit or before.frame is None:
        return
    if before.fields[_KIND] == "out" and before.fields[_SESSION] == edit.fields[_SESSION]:
        edit.joins = (edit, before, fanout)


class Joiner:
    """The edits in the writer's hands. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._held: dict[Waiting, JoinedEdit] = {}  # by the edit, in order
        self._at: dict[Waiting, Waiting] = {}  # by the acknowledgement and the fan-out: the edit

    def __len__(self) -> int:
        return sum(len(held.entries) for held in self._held.values())

    def take(self, waiting: Waiting, seq: int) -> Sequence[EntryAlone | JoinedEdit]:
        """Return what is to be written behind entry `seq` now that this entry comes out of the queue."""
        edit = self._at.get(waiting)
        if edit is not None:
            return [self._drop(edit)] if waiting is self._held[edit].entries[-1] else []
        line = None if waiting.joins is None else _line(waiting.joins)
        released = self._release() if self._held and self._is_before(waiting, moves=line is not None) else []
        if waiting.joins is None or line is None:
            return [*released, EntryAlone(waiting)]
        self._held[waiting] = JoinedEdit(line, waiting.joins, seq + len(released))
        for one in waiting.joins[1:]:
            self._at[one] = waiting
        return released

    def _release(self) -> list[EntryAlone]:
        """Return the edits that are held, each for a line of its own; what belongs to them follows in its order."""
        return [EntryAlone(edit, self._drop(edit).after) for edit in list(self._held)]

    def _drop(self, edit: Waiting) -> JoinedEdit:
        held = self._held.pop(edit)
        for one in held.entries[1:]:
            del self._at[one]
        return held

    def _is_before(self, waiting: Waiting, *, moves: bool) -> bool:
        """Return whether no edit may move behind this entry, which `moves` itself or stays where it is."""
        kind, user, channel = waiting.fields[_KIND], waiting.fields[_USER], waiting.fields[_CHANNEL]
        if kind not in _PASSED or waiting.cause in self._held:
            return True
        if kind != "in" or waiting.fields[_TYPE] == "cursor_position":
            return False
        own = (edit.fields[_CHANNEL] for edit in self._held if edit.fields[_USER] == user)
        return any(not moves or one != channel for one in own)


def seals() -> Iterator[bytes]:
    """Yield the seal of the next line, for ever: fresh random digits."""
    while True:
        random = os.urandom(_SEALS * SEAL_DIGITS // 2).hex().encode()
        for place in range(0, len(random), SEAL_DIGITS):
            yield random[place : place + SEAL_DIGITS]


def _line(entries: tuple[Waiting, Waiting, Waiting]) -> Joined | None:
    """Return the line of three entries; None where they cannot be joined."""
    found = []
    for seq, one in enumerate(entries, 1):
        frame = one.frame.encode() if isinstance(one.frame, str) else one.frame
        found.append(Entry(header_of(one, seq, cause=int(seq == len(entries))), frame, redacted=False))
    with suppress(ValueError, TypeError):  # whatever is wrong with them is said where each is written
        return join(found)
    return None


def header_of(waiting: Waiting, seq: int, after: int = 0, cause: int | None = None) -> Header:
    """Return the header of an entry that waits, under its number.

    `after`: the entry that it came after. `cause`: another number than that of its cause.
    """
    kind, at, *fields = waiting.fields
    named = waiting.cause if isinstance(waiting.cause, int) else waiting.cause.seq
    fields += [named if cause is None else cause, after]
    return Header(seq, kind, round(float(at), 3), *fields)
