"""Sends between the caller and their `ack`: bounded, in order, sent again after every reconnect. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ..errors import QueueFull


@dataclass(slots=True)
class PendingSend:
    """One send. `deadline` is on the steady clock; `pauses` counts how often the server asked it to wait."""

    ref: str
    frame: bytes
    idempotency_key: str
    deadline: float
    patient: bool
    pauses: int = 0
    place: int = 0  # in the line, given by the queue


class SendQueue:
    """`capacity` sends may wait for their ack, `window` of them be on the wire.

    The window bounds what a rate limit refuses at one blow; after a refusal it is one, until an ack comes.
    """

    def __init__(self, capacity: int, window: int) -> None:
        self._capacity = capacity
        self._full_window = self._window = window
        self._waiting: dict[str, PendingSend] = {}
        self._in_flight: dict[str, PendingSend] = {}
        self._paused_until = 0.0
        self._places = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._in_flight)

    def add(self, send: PendingSend) -> None:
        """Put a send at the end. Raises QueueFull."""
        if len(self) >= self._capacity:
            raise QueueFull(f"{self._capacity} sends wait for their ack; await earlier ones, then send again")
        self._places += 1
        send.place = self._places
        self._waiting[send.ref] = send

    def take(self, now: float) -> Iterator[bytes]:
        """The frames that may go on the wire now, in order."""
        while self._waiting and now >= self._paused_until and len(self._in_flight) < self._window:
            ref = next(iter(self._waiting))
            send = self._in_flight[ref] = self._waiting.pop(ref)
            yield send.frame

    def acked(self, ref: str) -> bool:
        """The server has it. False for what does not wait (any more)."""
        if self._in_flight.pop(ref, None) is None:
            return False
        self._window = self._full_window
        return True

    @property
    def has_in_flight(self) -> bool:
        """Return whether a send is on the wire."""
        return bool(self._in_flight)

    def in_flight(self, ref: str | None) -> PendingSend | None:
        """The send of this ref, while it is on the wire."""
        return self._in_flight.get(ref) if ref is not None else None

    def pause(self, until: float) -> None:
        """Put nothing on the wire before `until`."""
        self._paused_until = max(self._paused_until, until)

    def take_impatient(self) -> list[PendingSend]:
        """Take out what waits to go on the wire and would not be asked to wait."""
        hurried = [send for send in self._waiting.values() if not send.patient]
        for send in hurried:
            del self._waiting[send.ref]
        return hurried

    def again(self, send: PendingSend) -> None:
        """The server asked to wait with this one: it takes its old place."""
        send.pauses += 1
        self._window = 1
        del self._in_flight[send.ref]
        self._line_up({**self._waiting, send.ref: send})

    def forget(self, ref: str) -> None:
        """Nobody waits for it any more: do not send it (again)."""
        self._waiting.pop(ref, None)
        self._in_flight.pop(ref, None)

    def disconnected(self) -> None:
        """The wire is gone: whatever has no ack goes again, in its order."""
        self._line_up({**self._in_flight, **self._waiting})
        self._in_flight = {}

    def _line_up(self, sends: dict[str, PendingSend]) -> None:
        self._waiting = {send.ref: send for send in sorted(sends.values(), key=lambda send: send.place)}

    def clear(self) -> list[PendingSend]:
        """Give up; what was waiting."""
        given_up = list(chain(self._in_flight.values(), self._waiting.values()))
        self._in_flight, self._waiting = {}, {}
        return given_up

    def expired(self, now: float) -> list[PendingSend]:
        """Take out what has waited too long."""
        late = [s for s in chain(self._in_flight.values(), self._waiting.values()) if s.deadline <= now]
        for send in late:
            self.forget(send.ref)
        return late

    def grant(self, until: float) -> None:
        """Let nothing expire before `until`."""
        for send in chain(self._in_flight.values(), self._waiting.values()):
            send.deadline = max(send.deadline, until)

    def deadline(self, now: float) -> float | None:
        """When there is something to do next: a send gives up, or the pause ends."""
        heads = [next(iter(part.values())).deadline for part in (self._in_flight, self._waiting) if part]
        if self._waiting and self._paused_until > now:
            heads.append(self._paused_until)
        return min(heads, default=None)
