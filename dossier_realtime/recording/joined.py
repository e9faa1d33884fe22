"""Joined lines of a journal: an edit, its acknowledgement and its fan-out in one line. This text is normative.

An edit of a document that became one version, with an author who follows the document, is three entries: `in`, its
frame; `out`, the `operation_ack`; `fanout`, the `remote_operation` to the others. They say nearly the same, so the
writer puts them into one line of the chain where it can (app/journal/joining.py). Readers see the three entries.

The line has the four parts of any other (entry.py). Its header is a `JoinedHeader`, of kind `edit`. It takes three
numbers of the chain: `seq` is that of the fan-out, the last of the three. Its body is a JSON object:

- the members of the edit's payload as they were sent, in their order; `version` only where it is not `offset - 1`
- `ref` of the edit, where it has one
- `made`: the members of the `remote_operation`'s payload that are not as expected; null: it has no such member.
  Expected are `user_id` and `user_name`: the user; `version`: the offset; `timestamp`: `at` in whole seconds; all
  others: as they were sent.

The frames are made of these by `_frames`, with the members in the order of `_SENT` and `_MADE`. The writer compares
them with the frames of the wire, byte by byte, and joins nothing that would come back in another form. Redaction, as of
any line, takes the three frames at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from .entry import KEYS, Entry, Header, encode_line, read_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .entry import Kind

WIDTH: Final = 3
"""The entries in a joined line."""

_KIND: Final = b',"kind":"edit",'  # stands right behind the seq
_TYPES: Final = ("edit_operation", "operation_ack", "remote_operation")
_SENT: Final = (
    "operation_type", "position", "version", "content", "length", "attributes", "op_id", "epoch", "user_id",
    "user_name", "operations",
)  # fmt: skip
_MADE: Final = (
    "user_id", "user_name", "operation_type", "position", "version", "content", "length", "attributes", "op_id",
    "timestamp", "operations", "within",
)  # fmt: skip
_OWN: Final = frozenset({"user_id", "user_name", "version", "timestamp"})  # these are never taken from what was sent
_KNOWN: Final = frozenset(_SENT)
_NULL: Final = b"null"
_KEYS: Final = {name: b'"%b":' % name.encode() for name in (*_SENT, *_MADE, "ref", "made")}
_PLACE_BITS: Final = 2  # of a place, for the entry in its line

_Members = dict[str, msgspec.Raw]


class JoinedHeader(msgspec.Struct, frozen=True, omit_defaults=True, rename=KEYS):
    """The header of a joined line; the fields that an entry has too are those of `Header`.

    `at` is the time of the fan-out; the edit came `sent` ms before, the acknowledgement was queued `acked` ms before.
    `passed` entries stand between the place at which the edit came and this line.
    """

    seq: int
    kind: Literal["edit"]
    at: float
    session: str = ""
    user: str = ""
    channel: str = ""
    offset: int = 0
    epoch: str = ""
    commit: int = 0
    level: str = ""
    exclude_connection: str = ""
    receivers: int = 0
    sent: int = 0
    acked: int = 0
    passed: int = 0


class Joined(NamedTuple):
    """A joined line before it has its place: `seq` of its header is that of a journal's beginning."""

    header: JoinedHeader
    body: bytes


class _Frame(msgspec.Struct):
    payload: _Members
    ref: msgspec.Raw = msgspec.Raw()


_encode = msgspec.json.Encoder().encode
_header_decoder = msgspec.json.Decoder(JoinedHeader)
_frame_decoder = msgspec.json.Decoder(_Frame)
_members_decoder = msgspec.json.Decoder(_Members)


def is_joined(head: bytes) -> bool:
    """Return True for the header of a joined line."""
    return head.startswith(_KIND, head.find(b","))


def width(head: bytes) -> int:
    """Return the number of entries in the line with this header."""
    return WIDTH if is_joined(head) else 1


def join(entries: Sequence[Entry]) -> Joined | None:
    """Return the line that says what an edit, its acknowledgement and its fan-out say; None where none does.

    Their seqs are 1, 2, 3. Raises ValueError for frames that are no messages.
    """
    (_, sent, _), (acked, _, _), (last, made, _) = entries
    first = entries[0].header
    if sent is None or made is None:
        return None
    header = JoinedHeader(
        last.seq,
        "edit",
        last.at,
        first.session,
        first.user,
        last.channel,
        last.offset,
        last.epoch,
        last.commit,
        last.level,
        last.exclude_connection,
        last.receivers,
        round((last.at - first.at) * 1000),
        round((last.at - acked.at) * 1000),
    )
    frame = _frame_decoder.decode(sent)
    members = _plain(frame.payload)
    expected = _expected(header, members)
    found = _plain(_frame_decoder.decode(made).payload)
    differing = {name for name, _ in expected.items() ^ found.items()}
    other: dict[str, bytes] = {
        name: value
        for name in _MADE
        if name in differing and (value := found.get(name, _NULL)) != expected.get(name, _NULL)
    }
    ref = bytes(frame.ref)
    if _frames(header, members, ref, other) != tuple(entry.frame for entry in entries):
        return None
    if not _KNOWN.issuperset(members) or [*_headers(header)] != [entry.header for entry in entries]:
        return None
    body = _body(header, members, ref, other)
    return None if b"\x7f" in body else Joined(header, body)


def encode_joined(joined: Joined, seq: int, after: int, seal: bytes, previous: bytes) -> tuple[bytes, bytes]:
    """Return the line and its link; `seq` is that of its last entry, and the edit came after entry `after`."""
    passed = seq - WIDTH - after
    header = msgspec.structs.replace(joined.header, seq=seq, passed=passed)
    return encode_line(_encode(header), joined.body, seal, previous)


def read_any_header(head: bytes) -> Header | JoinedHeader:
    """Return the header of a line; raises as `read_header`."""
    if not is_joined(head):
        return read_header(head)
    header = _header_decoder.decode(head)
    if _encode(header) != head:
        raise ValueError("the header is not spelled as the journal spells it")
    return header


def can_be_split(head: bytes, body: bytes) -> bool:
    """Return True unless these are of a joined line that cannot be read."""
    if not body or not is_joined(head):
        return True
    try:
        _read(_header_decoder.decode(head), body)
    except (ValueError, RecursionError):
        return False
    return True


def split_line(line: bytes) -> tuple[bytes, ...]:
    """Return the lines of the entries of a line in the journal's form: three of a joined one, else the line itself.

    Raises ValueError for a joined line that cannot be read.
    """
    if not line.startswith(_KIND, line.find(b",")):
        return (line,)
    link, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    header = _header_decoder.decode(head)
    frames = _read(header, body) if body else (b"", b"", b"")
    heads = map(_encode, _headers(header))
    return tuple(b"%b\t%b\t%b\t%b\n" % (link, one, seal, frame) for one, frame in zip(heads, frames, strict=True))


def headers_of(head: bytes) -> list[Header]:
    """Return the headers of the entries of a line. Raises ValueError."""
    return [*_headers(_header_decoder.decode(head))] if is_joined(head) else [_any_decoder.decode(head)]


def placed(place: int, line: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the entries of a line of a source with their places: `line_at` finds them again."""
    for number, part in enumerate(split_line(line)):
        yield place << _PLACE_BITS | number, part


def line_place(place: int) -> int:
    """Return the place of the line that holds the entry at a place."""
    return place >> _PLACE_BITS


def part_at(place: int, line: bytes) -> bytes:
    """Return the entry at a place in the line that holds it."""
    return split_line(line)[place & ((1 << _PLACE_BITS) - 1)]


def _headers(joined: JoinedHeader) -> Iterator[Header]:
    """Yield the headers of the three entries."""
    first = joined.seq - WIDTH + 1
    kinds: tuple[Kind, Kind] = ("in", "out")
    for seq, kind, before in zip((first, first + 1), kinds, (joined.sent, joined.acked), strict=True):
        yield Header(
            seq,
            kind,
            round(joined.at - before / 1000, 3),
            joined.session,
            joined.user,
            joined.channel,
            level=joined.level,
            type=_TYPES[seq - first],
            after=first - 1 - joined.passed if seq == first else 0,
        )
    yield Header(
        joined.seq,
        "fanout",
        joined.at,
        channel=joined.channel,
        offset=joined.offset,
        epoch=joined.epoch,
        commit=joined.commit,
        level=joined.level,
        exclude_connection=joined.exclude_connection,
        receivers=joined.receivers,
        type=_TYPES[2],
        by=joined.user,
        via=f"session:{joined.session}",
        cause=first,
    )


def _expected(header: JoinedHeader, sent: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the members of the fan-out's payload that need not be written."""
    members = {name: value for name, value in sent.items() if name not in _OWN}
    members["user_id"] = members["user_name"] = _encode(header.user)
    members["version"] = b"%d" % header.offset
    members["timestamp"] = b"%d" % header.at
    return members


def _body(header: JoinedHeader, sent: Mapping[str, bytes], ref: bytes, other: Mapping[str, bytes]) -> bytes:
    members = dict(sent)
    if members.get("version") == b"%d" % (header.offset - 1):
        del members["version"]
    if ref:
        members["ref"] = ref
    if other:
        members["made"] = _object(other, other)
    return _object(members, members)


def _read(header: JoinedHeader, body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the frames that a body stands for. Raises ValueError for a body of another form."""
    members = _plain(_members_decoder.decode(body))
    ref, changed = members.pop("ref", b""), members.pop("made", b"{}")
    members.setdefault("version", b"%d" % (header.offset - 1))
    other = _plain(_members_decoder.decode(changed))
    return _frames(header, members, ref, other)


def _plain(members: _Members) -> dict[str, bytes]:
    """Return members as the text that stands in their frame."""
    return {name: bytes(value) for name, value in members.items()}


def _frames(
    header: JoinedHeader, sent: Mapping[str, bytes], ref: bytes, other: Mapping[str, bytes]
) -> tuple[bytes, bytes, bytes]:
    """Return the frames of the three entries."""
    made = {name: value for name, value in (_expected(header, sent) | dict(other)).items() if value != _NULL}
    acked = {"version": b"%d" % header.offset}
    if "op_id" in sent:
        acked["op_id"] = sent["op_id"]
    channel = _encode(header.channel)
    told = b',"ref":%b' % ref if ref else b""
    return (
        b'{"type":"edit_operation","channel":%b,"payload":%b%b}' % (channel, _object(_SENT, sent), told),
        b'{"type":"operation_ack","channel":%b,"payload":%b%b}' % (channel, _object(acked, acked), told),
        b'{"type":"remote_operation","channel":%b,"payload":%b}' % (channel, _object(_MADE, made)),
    )


def _object(names: Iterable[str], members: Mapping[str, bytes]) -> bytes:
    """Return the members that have these names as an object, in the order of the names."""
    return b"{%b}" % b",".join([_KEYS[name] + members[name] for name in names if name in members])


_any_decoder = msgspec.json.Decoder(Header)
