"""The journal's format, version 2. This text is normative; this file implements it.

A journal is the append-only record of one node, in the order of the node's event loop. It is a sequence of
entries numbered `seq` = 1, 2, 3 … without holes, kept in segment files `{node}-{first seq, 16 digits}.journal`.
A segment is lines ended by one line feed. Each line has four parts with one tab between them; no part contains
a tab or a line feed:

    link TAB header TAB seal TAB body LF

- `header` is a JSON object. On the first line of a segment it is a `SegmentHeader`; on every other line a
  `Header`, whose first three members are `seq`, `kind`, `at`. Members that have their default are left out.
- An edit, its acknowledgement and its fan-out may stand in one line, whose header and body are those of joined.py.
  Version 1 has no such lines; its segments are still read, and nothing is written behind them.
- `body` is the wire frame, exactly: bytes that start with `{`, are UTF-8 and hold no control character
  (00-1F, 7F) stand as they are; other UTF-8 is a JSON string; bytes that are not UTF-8 are `=` and their
  base64. Without a frame `seal` and `body` are empty.
- `seal` is 32 random hexadecimal digits. The digest of the frame is BLAKE2b-256 over `body`, with the 32
  characters of `seal` as the key.
- `link` is the chain, 64 hexadecimal digits. With `previous` as the 32 bytes of the link of the line before
  (zeros before the first), `+` as concatenation and TAB as the byte 09:
      without a frame   link = SHA-256(previous + header)
      with a frame      link = SHA-256(previous + header + TAB + digest)
- Redaction replaces `seal` by the digest (64 hexadecimal digits) and empties `body`. The chain holds as
  before, and without the seal the digest does not betray a short or guessable frame.

Everything is hashed as the bytes stand in the file, and nothing has two spellings: any change of any byte
is detected, white space and line ends included. Numbers are decimal, hexadecimal digits are lower case.

`{node}.head` holds one JSON object and a line feed, `{"seq": …, "link": …}`: the last entry known to be on
the disk. It is replaced after each fsync, so entries missing at the end are detected. An attacker who can rewrite
the whole folder can also rewrite its chain: a journal is proven to outsiders by its head, kept somewhere else.

The kinds are described at `Kind`. A reader derives what each session received from `attach`, `detach`,
`fanout` and `out`, because all stand in the order of the loop: each of the last two stands before what its queueing
causes. `conflated` takes frames back: `places` are decimal numbers with a blank between, counted back over what was
queued for the connection and not yet taken back, 0 being the newest. `close` takes the last `unsent` of the rest
back. A session that was resumed has several connections: `open` and `close` name theirs in `detail.connection`, and
before its `open` a connection's entries bear that name as their session.
"""

from __future__ import annotations

import base64
import re
from hashlib import blake2b, sha256
from typing import Final, Literal, NamedTuple

import msgspec

FORMAT: Final = 2
READABLE: Final = (1, FORMAT)
GENESIS: Final = bytes(32)
SEAL_DIGITS: Final = 32
DIGEST_DIGITS: Final = 64

Detail = dict[str, str | int | float | bool | list[str]]

Audience = Literal["all", "presence"]

Kind = Literal[
    "start",  # the node begins; `detail`: versions, and `cut_bytes` when a torn end was cut off
    "stop",  # the node ends in good order; a `start` without a `stop` before it follows a crash
    "open",  # a session is authenticated; `detail`: its user, rights, address, reconnect_count
    "renewed",  # the session goes on with another token; `detail`: its rights
    "close",  # its connection is gone; `detail`: code, reason, `unsent` (the number of last frames never sent)
    "attach",  # from here on the session receives the fan-outs of `channel` to this `audience`
    "detach",  # from here on it does not; without a `channel`: on no channel any more
    "in",  # a frame from the session, accepted; `rule` is what decided
    "refused",  # a frame from the session, refused; `rule` is what decided
    "decided",  # the session was ended or not admitted, without a frame of its own; `rule` is the reason
    "out",  # a frame to this one session
    "fanout",  # a frame to all sessions attached to `channel` for its `audience`, except those that it excludes
    "recovered",  # an event that was committed and not delivered: found at start, or subscribers began behind it
    "restored",  # the event store is a copy or an older one: new epochs from here on; `detail`: why
    "conflated",  # waiting frames of the session were replaced by later ones; `detail.places`: see above
    "settings",  # from here on these settings hold on `channel`; `level`, and in `detail` the others
    "lifted",  # from here on the limits of `user` are raised for `detail.seconds`; 0: they are as before
    "act",  # `user` is about to change or export something; durable before it is done; `detail`: the call
    "outcome",  # the outcome of the act with seq `cause`; `detail.outcome`: done, unchanged or failed
    "generated",  # a model that writes briefs saw or wrote the frame; `detail`: request_id, model, part, channels
    "http",  # a call over HTTP; `detail`: method, path, query, status, address, token
    "replayed",  # stored events of `channel` to this one session; `detail`: first, last, epoch, count
    "sampled",  # occurrences of one second that were counted, not written each; `detail`: kind, count, user
    "checkpoint",  # the service vouches for the chain up to an entry; `detail`: see checkpoint.py
    "key",  # another key signs from here on; `detail`: see checkpoint.py
    "witnessed",  # the signed heads of other nodes' journals, as they were then; `detail`: see witness.py
    "unreadable",  # never written: a reader shows it for an entry of a kind or form that it does not know
    "gap",  # `detail.lost` entries are missing: the queue was full from `detail.since` on; `kinds`, `users`
]


KEYS: Final = {"exclude_user": "except_user", "exclude_connection": "besides"}
"""Fields whose key in a recording is an older name."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True, rename=KEYS):
    """The fields of an entry besides its frame.

    `at` is Unix time in seconds, to the millisecond. `offset` and `epoch` are the event's place in its
    channel's history, `commit` its row in the event store (0: none of these). `level` is the channel's
    classification at that time. A fan-out does not go to the user `exclude_user`, its subject,
    nor to the connection `exclude_connection`, which gets an answer in its place; `receivers` is the number of its
    receivers. `type` is that of the decoded message.

    `node` stands in merged recordings only (merge.py), never in a journal.

    The origin: `by` is a user, `via` the session (`session:…`) or the HTTP token (`token:…`) of the cause, and `cause`
    the seq of the causing entry: a frame of kind `in`, or an `act`.

    `after`: the frame came after the entry with this seq and before the next one, though it may stand later; 0: it came
    where it stands. A frame of kind `in` has it where it waited for the line that it is joined in.
    """

    seq: int
    kind: Kind
    at: float
    session: str = ""
    user: str = ""
    channel: str = ""
    offset: int = 0
    epoch: str = ""
    commit: int = 0
    rule: str = ""
    level: str = ""
    audience: Audience = "all"
    exclude_user: str = ""
    exclude_connection: str = ""
    receivers: int = 0
    detail: Detail = {}
    type: str = ""
    by: str = ""
    via: str = ""
    cause: int = 0
    after: int = 0
    node: str = ""


class SegmentHeader(msgspec.Struct, frozen=True):
    """The first line of a segment.

    `first` is its first seq, `previous` the last link of the segment before, `commit` the highest commit recorded
    before it.
    """

    format: int
    node: str
    first: int
    previous: str
    commit: int


class Head(msgspec.Struct, frozen=True):
    """The last entry known to be on the disk; seq 0 and zeros before the first."""

    seq: int
    link: str


class Anchor(msgspec.Struct, frozen=True):
    """The beginning of the chain after older segments were removed (retention): the last removed entry.

    In `{node}.anchor`, as JSON and a line feed. `signature` is base64 of the service's signature of
    `anchor_text`; with the key kept elsewhere it proves that the service itself removed the entries.
    """

    node: str
    seq: int
    link: str
    commit: int
    signature: str = ""


class Entry(NamedTuple):
    """An entry read back. `frame` is the wire's bytes; None when it has none or is redacted."""

    header: Header
    frame: bytes | None
    redacted: bool


_CONTROLS = bytes([*range(0x20), 0x7F])
_LINK = re.compile(r"[0-9a-f]{64}")
_encode = msgspec.json.Encoder().encode
_header_decoder = msgspec.json.Decoder(Header)
_text_decoder = msgspec.json.Decoder(str)


def encode_entry(header: Header, frame: bytes | str | None, seal: bytes, previous: bytes) -> tuple[bytes, bytes]:
    """Return an entry's line and its link. `seal` is 32 fresh random digits, `previous` the link before.

    Raises TypeError, ValueError or UnicodeEncodeError for a header that JSON can not represent.
    """
    head = _encode(header)
    if b":null" in head:  # NaN and infinity become null, which can not be read back; a text may hold the same bytes
        read_header(head)
    if frame is None:
        link = sha256(previous + head)
        return b"%b\t%b\t\t\n" % (link.hexdigest().encode(), head), link.digest()
    body = _body(frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame)
    return encode_line(head, body, seal, previous)


def encode_line(head: bytes, body: bytes, seal: bytes, previous: bytes) -> tuple[bytes, bytes]:
    """Return the line of a header and a body, and its link."""
    link = sha256(b"%b%b\t%b" % (previous, head, frame_digest(seal, body)))
    return b"%b\t%b\t%b\t%b\n" % (link.hexdigest().encode(), head, seal, body), link.digest()


def encode_segment_header(header: SegmentHeader, previous: bytes) -> tuple[bytes, bytes]:
    """Return the first line of a segment and its link."""
    head = _encode(header)
    link = sha256(previous + head)
    return b"%b\t%b\t\t\n" % (link.hexdigest().encode(), head), link.digest()


def encode_head(head: Head) -> bytes:
    """Return the content of a head file."""
    return _encode(head) + b"\n"


def decode_head(data: bytes) -> Head | None:
    """Return the head; None for anything but the exact bytes of one."""
    try:
        head = msgspec.json.decode(data, type=Head)
    except (ValueError, RecursionError):
        return None
    return head if encode_head(head) == data and _LINK.fullmatch(head.link) else None


def anchor_text(anchor: Anchor) -> bytes:
    """Return the text that the signature of an anchor is over."""
    return _encode(msgspec.structs.replace(anchor, signature=""))


def encode_anchor(anchor: Anchor) -> bytes:
    """Return the content of an anchor file."""
    return _encode(anchor) + b"\n"


def decode_anchor(data: bytes) -> Anchor | None:
    """Return the anchor; None for anything but the exact bytes of one."""
    try:
        anchor = msgspec.json.decode(data, type=Anchor)
    except (ValueError, RecursionError):
        return None
    return anchor if encode_anchor(anchor) == data and _LINK.fullmatch(anchor.link) else None


def read_header(head: bytes) -> Header:
    """Return the header of these bytes, which must be exactly the bytes that a writer makes of it.

    With a member twice, in another order or with white space, a reader could see another header than the proof
    covers. Raises ValueError for such bytes.
    """
    header = _header_decoder.decode(head)
    if _encode(header) != head:
        raise ValueError("the header is not spelled as the journal spells it")
    return header


def has_one_spelling(body: bytes) -> bool:
    """Return True for a body that is, byte for byte, the one that a writer makes of its frame."""
    try:
        return not body or _body(_frame(body)) == body
    except ValueError:
        return False


def stored_digest(seal: bytes, body: bytes) -> bytes | None:
    """Return a frame's digest, computed or (redacted) stored; None without a frame; b"" for an invalid seal."""
    if body:
        return frame_digest(seal, body) if len(seal) == SEAL_DIGITS else b""
    if not seal:
        return None
    try:
        digest = bytes.fromhex(seal.decode("ascii"))
    except ValueError:
        return b""
    return digest if len(seal) == DIGEST_DIGITS and digest.hex().encode() == seal else b""


def decode_entry(line: bytes) -> Entry:
    """Read one line of a segment, not its first, without verifying it.

    An entry of a kind or form that this version does not know is `unreadable`, with the kind that it names and the
    SHA-256 of its header. Raises ValueError (of which msgspec's errors are a kind) for a line that is not an entry.
    """
    _, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    return Entry(decode_header(head), _frame(body) if body else None, bool(seal) and not body)


class _AnyHeader(msgspec.Struct):
    seq: int
    kind: str
    at: float
    session: str = ""
    channel: str = ""
    level: str = ""


_any_header_decoder = msgspec.json.Decoder(_AnyHeader)


def decode_header(head: bytes) -> Header:
    """Read the header of an entry. Raises ValueError for bytes that are a header of no version."""
    try:
        return _header_decoder.decode(head)
    except msgspec.ValidationError:
        found = _any_header_decoder.decode(head)
        detail: Detail = {"kind": found.kind, "digest": sha256(head).hexdigest()}
        return Header(
            found.seq,
            "unreadable",
            found.at,
            session=found.session,
            channel=found.channel,
            level=found.level,
            detail=detail,
        )


def redact(line: bytes) -> bytes:
    """Return the same entry without its frame: the digest replaces the seal, and the chain still holds."""
    link, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    if not body:
        return line
    return b"%b\t%b\t%b\t\n" % (link, head, frame_digest(seal, body).hex().encode())


def frame_digest(seal: bytes, body: bytes) -> bytes:
    """Return the digest of a frame, keyed by its seal."""
    return blake2b(body, digest_size=32, key=seal).digest()


def segment_name(node: str, first: int) -> str:
    """Return the file name of the segment that begins with entry `first`."""
    return f"{node}-{first:016d}.journal"


def _body(frame: bytes) -> bytes:
    try:
        text = "" if frame.isascii() else frame.decode()
    except UnicodeDecodeError:
        return b"=" + base64.b64encode(frame)
    if frame.startswith(b"{") and len(frame.translate(None, _CONTROLS)) == len(frame):
        return frame
    return _encode(text or frame.decode())


def _frame(body: bytes) -> bytes:
    if body.startswith(b"{"):
        return body
    if body.startswith(b"="):
        return base64.b64decode(body[1:], validate=True)
    return _text_decoder.decode(body).encode()
