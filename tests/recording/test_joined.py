"""The line of an edit and what it leads to: it holds the three frames byte by byte, or it is not written."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Attributes, EditOperation, EditPayload, FlatOperation
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from dossier_realtime.protocol.responses import OperationAck, OperationAckPayload
from dossier_realtime.recording.entry import (
    GENESIS,
    Entry,
    Head,
    Header,
    SegmentHeader,
    decode_entry,
    encode_segment_header,
    redact,
    segment_name,
)
from dossier_realtime.recording.joined import can_be_split, encode_joined, headers_of, is_joined, join, split_line
from dossier_realtime.recording.proof.verify import Report, verify

SEAL = b"0123456789abcdef" * 2
CHANNEL = "document:plan"
_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
_FORMAT = Attributes(bold=True, italic=None)


def entries(sent: bytes, acked: bytes, made: bytes, at: float = 9.5, name: str = "ali") -> list[Entry]:
    own: dict[str, Any] = {"session": "s1", "user": name, "channel": CHANNEL, "level": "internal"}
    caused: dict[str, Any] = {"by": name, "via": "session:s1", "cause": 1, "exclude_connection": "c1", "receivers": 2}
    return [
        Entry(Header(1, "in", 9.001, **own, type="edit_operation"), sent, redacted=False),
        Entry(Header(2, "out", 9.499, **own, type="operation_ack"), acked, redacted=False),
        Entry(
            Header(
                3, "fanout", at, channel=CHANNEL, offset=7, epoch="e", commit=70, level="internal",
                type="remote_operation", **caused,
            ),
            made,
            redacted=False,
        ),
    ]  # fmt: skip


@st.composite
def edits(draw: st.DrawFn) -> list[Entry]:
    """Edits of any form, transformed in any way."""
    kind: Any = draw(st.sampled_from(("insert", "delete", "format", "batch")))
    content, op_id = draw(st.none() | _TEXT), draw(st.none() | st.from_regex(r"[a-zA-Z0-9_-]{1,16}", fullmatch=True))
    length = draw(st.none() | st.integers(1, 9))
    formats: Any = draw(st.none() | st.just(_FORMAT))
    parts = (FlatOperation("insert", 0, content="é"),) if kind == "batch" else None
    place: dict[str, Any] = {} if kind == "batch" else {"position": draw(st.integers(0, 99))}
    payload = EditPayload(
        kind, version=draw(st.integers(0, 9)), content=content, length=length, attributes=formats, op_id=op_id,
        epoch=draw(st.none() | st.just("e")), user_id=draw(st.none() | st.just("ali")), operations=parts, **place,
    )  # fmt: skip
    ref = draw(st.none() | _TEXT)
    moved: dict[str, Any] = {} if kind == "batch" else {"position": draw(st.integers(0, 99))}
    made = RemoteOperationPayload(
        user_id="ali",
        user_name=draw(st.sampled_from(("ali", 'Ali "the pen"', "علي"))),
        operation_type=kind,
        version=7,
        content=draw(st.sampled_from((content, None))),
        length=draw(st.sampled_from((length, 3))),
        attributes=formats,
        op_id=op_id,
        timestamp=draw(st.none() | st.integers(8, 10)),
        operations=parts,
        **moved,
    )
    return entries(
        codec.encode(EditOperation(channel=CHANNEL, payload=payload, ref=ref)),
        codec.encode(OperationAck(channel=CHANNEL, payload=OperationAckPayload(version=7, op_id=op_id), ref=ref)),
        codec.encode(RemoteOperation(channel=CHANNEL, payload=made)),
    )


@given(edits())
def test_the_three_entries_come_back(found: list[Entry]) -> None:
    joined = join(found)
    assert joined is not None or b"\x7f" in b"".join(entry.frame or b"" for entry in found)
    if joined is None:
        return
    line, _ = encode_joined(joined, 3, 0, SEAL, GENESIS)
    assert line.count(b"\t") == 3
    assert is_joined(line.split(b"\t")[1])
    assert [decode_entry(part) for part in split_line(line)] == found
    assert headers_of(line.split(b"\t")[1]) == [entry.header for entry in found]


def an_edit() -> list[Entry]:
    payload = EditPayload("insert", 4, 6, "a", op_id="o1")
    made = RemoteOperationPayload(
        user_id="ali", user_name="ali", operation_type="insert", position=4, version=7, content="a", op_id="o1",
        timestamp=9,
    )  # fmt: skip
    return entries(
        codec.encode(EditOperation(channel=CHANNEL, payload=payload, ref="r")),
        codec.encode(OperationAck(channel=CHANNEL, payload=OperationAckPayload(version=7, op_id="o1"), ref="r")),
        codec.encode(RemoteOperation(channel=CHANNEL, payload=made)),
    )


def test_of_an_edit_that_met_no_other_the_result_is_not_repeated() -> None:
    joined = join(an_edit())
    assert joined is not None
    assert joined.body == b'{"operation_type":"insert","position":4,"content":"a","op_id":"o1","ref":"r"}'


@pytest.mark.parametrize(
    ("number", "frame"),
    [
        (0, b'{"type":"edit_operation","channel":"document:plan","payload":{"operation_type":"dance","version":6}}'),
        (0, b'{"type":"cursor_position","channel":"document:plan","payload":{"position":4}}'),
        (1, b'{"type":"operation_ack","channel":"document:plan","payload":{"version":8,"op_id":"o1"},"ref":"r"}'),
        (1, b'{"type":"error","payload":{"version":7}}'),
        (2, b'{"type":"remote_operation","channel":"document:plan","payload":{"version":7,"new":1}}'),
        (2, b'{"type":"remote_operation", "channel":"document:plan","payload":{"version":7}}'),
    ],
)
def test_what_would_come_back_otherwise_is_not_joined(number: int, frame: bytes) -> None:
    found = an_edit()
    found[number] = found[number]._replace(frame=frame)
    assert join(found) is None


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (0, "session", "s2"), (0, "user", "bea"), (0, "level", "secret"), (0, "at", 9.0004), (0, "rule", "x"),
        (1, "session", "s2"), (1, "at", 9.4996), (2, "via", "token:t"), (2, "by", "bea"), (2, "exclude_user", "ali"),
        (2, "audience", "presence"), (2, "cause", 2), (2, "channel", "document:other"),
    ],
)  # fmt: skip
def test_headers_that_would_come_back_otherwise_are_not_joined(number: int, field: str, value: Any) -> None:
    found = an_edit()
    changed = msgspec.structs.replace(found[number].header, **{field: value})
    found[number] = found[number]._replace(header=changed)
    assert join(found) is None


def journal(change: Any = None) -> Report:
    """Verify a journal of two joined lines, the second of which went through `change`."""
    line, link = encode_segment_header(SegmentHeader(2, "n1", 1, GENESIS.hex(), 0), GENESIS)
    joined = join(an_edit())
    assert joined is not None
    first, link = encode_joined(joined, 3, 0, SEAL, link)
    second, link = encode_joined(joined, 6, 2, SEAL, link)
    changed = second if change is None else change(second)
    return verify([(segment_name("n1", 1), [line, first, changed])], Head(6, link.hex()))


def test_a_line_takes_three_numbers_of_the_chain() -> None:
    assert journal() == Report(6, None, 0, 0, 0, 0, torn=False)


def test_a_line_that_lost_its_frames_still_holds() -> None:
    assert journal(redact) == Report(6, None, 0, 0, 0, 3, torn=False)
    line = redact(encode_joined(join(an_edit()) or pytest.fail("it is not joined"), 3, 0, SEAL, GENESIS)[0])
    found = [decode_entry(part) for part in split_line(line)]
    assert [entry.frame for entry in found] == [None, None, None]
    assert all(entry.redacted for entry in found)


@pytest.mark.parametrize("change", ["place", "flip"])
def test_any_changed_byte_is_found(change: str) -> None:
    def changed(line: bytes, at: int) -> bytes:
        return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]

    size = len(encode_joined(join(an_edit()) or pytest.fail("it is not joined"), 6, 2, SEAL, GENESIS)[0])
    for at in range(0, size - 1, 1 if change == "flip" else 7):
        fault = journal(lambda line, at=at: changed(line, at)).fault
        assert fault is not None, at
        assert fault.seq == 4


def test_a_frame_that_came_before_others_says_after_which_entry() -> None:
    joined = join(an_edit())
    assert joined is not None
    line, _ = encode_joined(joined, 12, 4, SEAL, GENESIS)
    first, second, third = (decode_entry(part).header for part in split_line(line))
    assert (first.seq, first.after, second.seq, second.after, third.seq, third.cause) == (10, 4, 11, 0, 12, 10)


def test_a_body_of_no_edit_is_a_fault() -> None:
    line, _ = encode_joined(join(an_edit()) or pytest.fail("it is not joined"), 3, 0, SEAL, GENESIS)
    head = line.split(b"\t")[1]
    assert can_be_split(head, b'{"operation_type":"insert"}')
    assert not can_be_split(head, b'["insert"]')
    assert not can_be_split(head, b'{"made":7}')
    with pytest.raises(ValueError, match="Expected"):
        split_line(b"\t".join([b"", head, SEAL, b'{"made":7}']) + b"\n")
