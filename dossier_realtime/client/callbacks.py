"""The types of the callbacks that a user of the SDK passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dossier_realtime.protocol.events import Event

from .state.presence import PresenceState
from .state.unknown_message import UnknownMessage

OnMessage = Callable[[Event], Any]
OnPresence = Callable[[PresenceState], Any]
OnError = Callable[[Exception], Any]
OnUnknown = Callable[[UnknownMessage], Any]
"""Callbacks may be async; one subscription's callbacks never run at the same time."""


@dataclass(slots=True)
class Callbacks:
    """The callbacks of a subscription."""

    on_message: OnMessage | None = None
    on_presence: OnPresence | None = None
    on_error: OnError | None = None
    on_unknown: OnUnknown | None = None
