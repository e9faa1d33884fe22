"""Look-up of names in a recording, with errors that offer similar names.

The error is the same for a name that was never recorded and for one that the reader may not see: neither is in the
reader's view of the recording, and similar names come from that view alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final, get_args

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.channels import SHAPES, Pattern, is_channel, parse_pattern
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.events import Event

TYPES: Final = frozenset(map(codec.message_type, (*get_args(Command), *get_args(Event))))
"""The `type` of every message of the protocol."""

_MAX_COMPARED = 20_000  # names; comparing more takes seconds
_MAX_SUGGESTIONS = 3


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return the most similar names, the best first."""
    return get_close_matches(name, list(islice(known, _MAX_COMPARED)), _MAX_SUGGESTIONS, cutoff=0.7)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that offers similar names; "" where there is none."""
    found = near(name, known)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def must_be_in(known: Collection[str], name: str, what: str, listed: str) -> None:
    """Raise KeyError where `known` has no such name, TypeError for a value that is no text.

    `listed` is the call that lists the names. Of channels only well-formed names are offered: a recording also holds
    invalid names that clients tried to subscribe to.
    """
    must_be_text(name, f"the name of a {what}")
    if name not in known:
        offered = filter(is_channel, known) if what == "channel" else known
        raise KeyError(
            f"no {what} {name!r} in this recording; {listed} lists what there is{did_you_mean(name, offered)}"
        )


def must_be_text(value: object, what: str) -> None:
    """Raise TypeError for a value that is no text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.64} is not {what}: give it as text")


def channel_pattern(text: str) -> Pattern:
    """Return a channel's name or a pattern of channels.

    Raises ValueError for text that can name no channel, TypeError for a value that is no text.
    """
    must_be_text(text, "the name of a channel")
    pattern = parse_pattern(text)
    if pattern is None:
        raise ValueError(f"{text!r} is no channel and no pattern; write dossier:country:SA or dossier:*")
    if not pattern.names_something:
        forms = (":".join([name, *(f"{{{part}}}" for part in shape)]) for name, shape in SHAPES.items())
        meant = did_you_mean(pattern.segments[0], SHAPES)
        raise ValueError(f"no channel can be named {text!r}: channels are {', '.join(forms)}{meant}")
    return pattern
