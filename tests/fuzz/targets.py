"""The functions that a fuzzer calls with bytes: each raises AssertionError where its promise does not hold.

A new target is one function and one line in `TARGETS`. It must be deterministic, and quick (under a millisecond), and
must let through only the errors that the code under test promises: every other exception is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.node.sockets.frames import CloseFrame, FrameParser, Incoming, Text, Violation, close_frame
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.inbound import InboundMessage
from tests.fuzz import recordings
from tests.node.rfc6455_cases import CASES

EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
MAX_QUOTED_CHARACTERS = 64
"""Characters of the input that a refusal may quote (docs/protocol.md#quoting-input)."""


class Target(NamedTuple):
    """One target: what is called, and the inputs that a fuzzer starts from."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def frames(data: bytes) -> None:
    """Parse `data` as a client's bytes: however they are cut, the same items come out, and nothing is raised.

    The first byte says where the stream is cut; the rest is the stream.
    """
    step, stream = 1 + (data[0] if data else 0) % 32, data[1:]
    whole = _parsed([stream])
    assert _parsed([stream[at : at + step] for at in range(0, len(stream), step)]) == whole
    assert not any(isinstance(item, CloseFrame | Violation) for item in whole[:-1])
    for item in whole:
        match item:
            case Text(payload):
                payload.decode()
                assert len(payload) <= 65_536
            case Violation(code, reason):
                assert len(close_frame(code, reason)) <= 127
            case CloseFrame(code, reason):
                assert code == 1005 or len(close_frame(code, reason)) <= 127
            case _:
                assert len(item.payload) <= 125


def _parsed(chunks: list[bytes]) -> list[Incoming]:
    parser = FrameParser()
    return [item for chunk in chunks for item in parser.feed(chunk)]


def decoding(data: bytes) -> None:
    """Decode `data` as a client's message: a command, an inbound message, or InvalidMessage that quotes little of it.

    What is accepted is JSON for every other parser too, is of the type that it names, and survives encoding.
    """
    message = _decoded(data)
    if isinstance(message, codec.InvalidMessage):
        assert message.path.startswith("$")
        assert len(message.reason) <= 250
        _assert_quotes_little(message.reason, data)
        return
    event = message.event if isinstance(message, InboundMessage) else message
    plain = json.loads(data, parse_constant=_no_constant)
    assert plain["type"] == event.__struct_config__.tag
    encoded = msgspec.json.encode(event)
    again = codec.decode_command(encoded)
    assert (again.event if isinstance(again, InboundMessage) else again) == event


def _decoded(data: bytes) -> Command | InboundMessage | codec.InvalidMessage:
    try:
        return codec.decode_command(data)
    except codec.InvalidMessage as refused:
        return refused


def reading(data: bytes) -> None:
    """Decode `data` as a server's message, as the SDK does: an event, or msgspec.DecodeError."""
    try:
        event = codec.decode_event(data)
    except msgspec.DecodeError:
        return
    assert codec.decode_event(codec.encode(event)) == event


def _assert_quotes_little(reason: str, data: bytes) -> None:
    text = data.decode(errors="replace")
    for at in range(len(reason) - MAX_QUOTED_CHARACTERS):
        assert reason[at : at + MAX_QUOTED_CHARACTERS + 1] not in text


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} was accepted")


def _frame_seeds() -> Iterator[bytes]:
    for case in CASES:
        stream = b"".join(case.chunks_to_send)
        if len(stream) < 1024:
            yield b"\x06" + stream


def _message_seeds(side: str) -> Callable[[], Iterator[bytes]]:
    return lambda: (file.read_bytes() for file in sorted((EXAMPLES / side).glob("*.json")))


TARGETS: Mapping[str, Target] = {
    "frames": Target(frames, _frame_seeds),
    "decoding": Target(decoding, _message_seeds("client")),
    "reading": Target(reading, _message_seeds("server")),
    "exports": Target(recordings.export_file, recordings.export_seeds),
    "journals": Target(recordings.journal_file, recordings.journal_seeds),
}
"""Every target by its name: `python -m tests.fuzz NAME` runs one under coverage, the suite runs all by chance."""
