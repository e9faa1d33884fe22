"""HTTP calls, as the journal keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .initiator import CallText, Initiator

if TYPE_CHECKING:
    from dossier_realtime.recording.entry import Detail


@dataclass(frozen=True, slots=True)
class Read:
    """The part of a channel that a call gave out: events `first` to `last`, of a document all versions up to `last`.

    `clearance`: the caller's, for the auditor.
    """

    channel: str
    first: int = 0
    last: int = 0
    epoch: str = ""
    clearance: str = ""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The answer to a call: its HTTP status, the seq of the act that it was (0: none), and what it gave out.

    `also`: texts of other documents that it gave out beside.
    """

    status: int
    act: int = 0
    read: Read | None = None
    also: tuple[Read, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """An HTTP call that was answered.

    `level`: the classification of the subject in the path, where that is no channel. `polled`: a list that dashboards
    ask for again and again.
    """

    method: str
    path: str
    answer: CallAnswer
    initiator: Initiator
    text: CallText = field(default_factory=CallText)
    level: str = ""
    polled: bool = False

    def detail(self) -> Detail:
        """Return the call as the detail of its entry; what is empty is left out."""
        detail: Detail = {"method": self.method, "path": self.path, "status": self.answer.status, **self.text.detail()}
        read = self.answer.read
        given = {"address": self.initiator.address, "token": self.initiator.token_id}
        given["clearance"] = "" if read is None else read.clearance
        detail |= {name: text for name, text in given.items() if text}
        if read is not None and read.last:
            detail |= {"first": read.first, "last": read.last, "epoch": read.epoch}
        return detail
