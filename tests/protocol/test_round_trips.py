"""What goes out comes back as it was, in both directions."""

from __future__ import annotations

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.events import Event, Publishable
from dossier_realtime.protocol.inbound import InboundMessage
from tests.protocol.samples import messages

COMMANDS = get_args(Command)
EVENTS = get_args(Event)


@given(event=st.one_of(*map(messages, EVENTS)))
def test_every_event_comes_back_as_it_was_sent(event: Event) -> None:
    frame = codec.encode(event)
    assert codec.decode_event(frame) == event
    assert codec.decode_event(frame.decode()) == event


@given(command=st.one_of(*map(messages, COMMANDS)))
def test_every_command_comes_back_as_it_was_sent(command: Command) -> None:
    assert codec.decode_command(codec.encode(command)) == command


@given(event=st.one_of(*map(messages, get_args(Publishable))))
def test_every_publishable_event_is_read_from_a_client_without_a_change(event: Publishable) -> None:
    event.offset = None  # the server's own
    inbound = codec.decode_command(codec.encode(event))
    assert isinstance(inbound, InboundMessage)
    assert codec.encode(inbound.event) == codec.encode(event)


@given(
    event=st.one_of(*map(messages, get_args(Publishable))),
    offset=st.integers(min_value=0, max_value=2**53 - 1),
)
def test_an_offset_spliced_in_is_an_offset_encoded(event: Publishable, offset: int) -> None:
    event.offset = None
    spliced = codec.with_offset(codec.encode(event), offset)
    event.offset = offset
    assert codec.decode_event(spliced) == event


def test_a_client_reads_a_newer_server() -> None:
    event = codec.decode_event(b'{"type":"pong","timestamp":1,"new":{"a":[1]}}')
    assert json.loads(codec.encode(event)) == {"type": "pong", "timestamp": 1}


@pytest.mark.parametrize(
    "frame",
    [
        b"{}",
        b'{"type":"news"}',
        b'{"type":"pong"}',
        b'{"type":"pong","timestamp":"1"}',
        b'{"type":"pong","timestamp":1,"ref":"\xff"}',
        b'{"type":"pong","timestamp":1,"more":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
    ids=lambda frame: str(frame[:50]),
)
def test_what_is_no_event_raises_decode_error(frame: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.decode_event(frame)
