"""The rules by which an event is delivered: a part of every entry and publication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """The delivery of an event, set by the service that knows it: delivery reads neither frame nor name.

    `conflation_key`: a later event with this key replaces one that still waits for a reader; empty: each is sent.
    `exclude_user`, `exclude_connection`: not among the receivers. `per_reader`: the frame is an operators' report, of
    which each reader gets the rows and counts that the reader may see.
    """

    conflation_key: tuple[str, ...] = ()
    exclude_user: str = ""
    exclude_connection: str = ""
    per_reader: bool = False


TO_EVERYBODY: Final = DeliveryRules()
"""The rules of most events: every subscriber receives each."""
