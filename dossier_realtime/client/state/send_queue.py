"""The queue of sends that wait for their `ack`: bounded, in order, sent again after every reconnect. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ..errors import QueueFull


@dataclass(slots=True)
class PendingSend:
    """One send without its answer. `deadline` is on the steady clock; `pauses` counts requests to wait."""

    ref: str
    frame: bytes
    idempotency_key: str
    deadline: float
    patient: bool
    pauses: int = 0
    place: int = 0  # in the queue, which sets it


class SendQueue:
    """A queue of up to `capacity` sends without an ack, of which up to `window` are in flight.

    The window bounds the sends that a rate limit can refuse at once; after a refusal it is one, until an ack comes.
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
        """Append a send. Raises QueueFull."""
        if len(self) >= self._capacity:
            raise QueueFull(f"{self._capacity} sends wait for their ack; await earlier ones, then send again")
        self._places += 1
        send.place = self._places
        self._waiting[send.ref] = send

    def take(self, now: float) -> Iterator[bytes]:
        """Yield the frames that may be sent now, in order."""
        while self._waiting and now >= self._paused_until and len(self._in_flight) < self._window:
            ref = next(iter(self._waiting))
            send = self._in_flight[ref] = self._waiting.pop(ref)
            yield send.frame

    def acked(self, ref: str) -> bool:
        """Remove an acknowledged send. False for a ref that does not wait (any more)."""
        if self._in_flight.pop(ref, None) is None:
            return False
        self._window = self._full_window
        return True

    @property
    def has_in_flight(self) -> bool:
        """True while a send is in flight."""
        return bool(self._in_flight)

    def in_flight(self, ref: str | None) -> PendingSend | None:
        """Return the send of this ref, while it is in flight."""
        return self._in_flight.get(ref) if ref is not None else None

    def pause(self, until: float) -> None:
        """Send nothing before `until`."""
        self._paused_until = max(self._paused_until, until)

    def take_impatient(self) -> list[PendingSend]:
        """Remove and return the waiting sends that may not be delayed."""
        hurried = [send for send in self._waiting.values() if not send.patient]
        for send in hurried:
            del self._waiting[send.ref]
        return hurried

    def again(self, send: PendingSend) -> None:
        """Put a send that the server asked to delay back in its old place."""
        send.pauses += 1
        self._window = 1
        del self._in_flight[send.ref]
        self._line_up({**self._waiting, send.ref: send})

    def forget(self, ref: str) -> None:
        """Remove a send whose caller no longer waits."""
        self._waiting.pop(ref, None)
        self._in_flight.pop(ref, None)

    def disconnected(self) -> None:
        """Queue every send in flight again, in its order: the connection is lost."""
        self._line_up({**self._in_flight, **self._waiting})
        self._in_flight = {}

    def _line_up(self, sends: dict[str, PendingSend]) -> None:
        self._waiting = {send.ref: send for send in sorted(sends.values(), key=lambda send: send.place)}

    def clear(self) -> list[PendingSend]:
        """Remove and return all sends."""
        given_up = list(chain(self._in_flight.values(), self._waiting.values()))
        self._in_flight, self._waiting = {}, {}
        return given_up

    def expired(self, now: float) -> list[PendingSend]:
        """Remove and return the sends whose deadline has passed."""
        late = [s for s in chain(self._in_flight.values(), self._waiting.values()) if s.deadline <= now]
        for send in late:
            self.forget(send.ref)
        return late

    def grant(self, until: float) -> None:
        """Defer every deadline to `until` at the earliest."""
        for send in chain(self._in_flight.values(), self._waiting.values()):
            send.deadline = max(send.deadline, until)

    def deadline(self, now: float) -> float | None:
        """Return the time of the next deadline of a send or end of a pause; None without one."""
        heads = [next(iter(part.values())).deadline for part in (self._in_flight, self._waiting) if part]
        if self._waiting and self._paused_until > now:
            heads.append(self._paused_until)
        return min(heads, default=None)
