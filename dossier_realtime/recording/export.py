"""The form of an export: NDJSON, one entry a line, and a last line that says what it is and is signed.

A *whole* export, of all that a selection takes, keeps the chain:

    {"previous": …, "segment": {…}, "link": …, "header": {…}, "seal": …, "body": {…}}

`header`, `seal` and the frame stand as they stand in the journal; `body` is a frame that is a JSON object, `text` any
other body, as a string. `previous` is the link before and stands only where it is not that of the line before: where
entries were left out, and where a segment began, whose first line's header is `segment`. So each line proves itself,
and lines follow each other without a hole where `previous` is absent, or is SHA-256(the link of the line before +
segment).

A *partial* export is what a caller with less than the highest clearance may see. Its entries are numbered anew and
have no links, for the numbers of what is left out are a trace of it:

    {"header": {…}, "body": {…}}

The last line: {"manifest": {…}, "signature": …}. The signature (base64, Ed25519) is over the bytes of the manifest,
which holds the SHA-256 of all lines before; without this line an export is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from .entry import GENESIS, Head, Header, frame_digest, redact
from .verify import Fault, Report

EXPORT_FORMAT: Final = 1
NO_LINE: Final = "this line is not of an export"
MISSING: Final = "entries are missing or moved here"
CHANGED: Final = "this entry was changed: its link does not hold"
REWRITTEN: Final = "this entry does not follow the one before it as that was read: the journal was changed before it"
CUT_OFF: Final = "the last line is missing: the export is cut off"
OTHER_LINES: Final = "the lines are not those that the manifest was made of: some were changed, added or removed"
_MADE_HERE = ("fanout", "out", "recovered")  # these frames are JSON, for the service wrote them


class Manifest(msgspec.Struct, frozen=True):
    """What an export holds. `selection` as it was asked for; `head` is the journal's seq and link when it was made."""

    format: int
    node: str
    made_at: float
    made_by: str
    whole: bool
    clearance: str
    selection: dict[str, str | float | bool]
    redacted: list[str]
    entries: int
    sha256: str
    head_seq: int = 0
    head_link: str = ""


class _Line(msgspec.Struct, omit_defaults=True):
    header: msgspec.Raw = msgspec.Raw()
    previous: str = ""
    segment: msgspec.Raw = msgspec.Raw()
    link: str = ""
    seal: str = ""
    body: msgspec.Raw = msgspec.Raw()
    text: str = ""
    manifest: msgspec.Raw = msgspec.Raw()
    signature: str = ""


class _Form(msgspec.Struct):
    format: int


class _AnyTrailer(msgspec.Struct):
    manifest: _Form


class Trailer(NamedTuple):
    """The last line, read: the manifest, its exact bytes, and the signature over them."""

    manifest: Manifest
    signed: bytes
    signature: str


_lines = msgspec.json.Decoder(_Line)
_manifests = msgspec.json.Decoder(Manifest)
_forms = msgspec.json.Decoder(_AnyTrailer)
_encode = msgspec.json.Encoder().encode


def whole_line(line: bytes, header: Header, previous: bytes, segment: bytes = b"") -> bytes:
    """A journal's line as an export has it; `previous` is the link before in hexadecimal, empty where it follows.

    `segment`: the header of the segment that this entry is the first of.
    """
    link, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    before = b'"previous":"%b",' % previous if previous else b""
    if segment:
        before += b'"segment":%b,' % segment
    sealed = b',"seal":"%b"' % seal if seal else b""
    return b'{%b"link":"%b","header":%b%b%b}\n' % (before, link, head, sealed, _body(header, body))


def partial_line(header: Header, body: bytes) -> bytes:
    """An entry, already fit for the caller, without its place in the chain."""
    return b'{"header":%b%b}\n' % (_encode(header), _body(header, body))


def trailer(manifest: bytes, signature: str) -> bytes:
    """The last line."""
    return b'{"manifest":%b,"signature":"%b"}\n' % (manifest, signature.encode())


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes that are signed."""
    return _encode(manifest)


def journal_line(line: bytes) -> bytes | None:
    """An export's line in the journal's form (a partial one has no link); None for the last line.

    Raises ValueError for a line that is none of an export.
    """
    found = _lines.decode(line)
    if found.manifest:
        return None
    if not found.header:
        raise ValueError(NO_LINE)
    body = bytes(found.body) or found.text.encode()
    seal = found.seal.encode() or (b"-" if body else b"")
    return b"%b\t%b\t%b\t%b\n" % (found.link.encode(), bytes(found.header), seal, body)


def read_trailer(line: bytes) -> Trailer | None:
    """The last line, or None for any other."""
    try:
        found = _lines.decode(line)
        if not found.manifest:
            return None
        return Trailer(_manifests.decode(found.manifest), bytes(found.manifest), found.signature)
    except ValueError:
        return None


def foreign(line: bytes) -> str:
    """What to say of the last line of an export of another format; "" for any other line."""
    try:
        form = _forms.decode(line).manifest.format
    except ValueError:
        return ""
    if form == EXPORT_FORMAT:
        return ""
    return f"this export is written in format {form}; this version reads format {EXPORT_FORMAT}: use one that reads it"


class Links:
    """How far the lines of exports are followed, and what is wrong with the next one.

    With `gapless` nothing may be left out between two lines: the second goes on from the link of the first, over the
    beginning of a segment too. With `known`, an entry read before, the first line already does. So a journal is
    followed over many exports, each of what came since. `see` is told the header of every good entry.
    """

    def __init__(
        self, known: Head | None = None, *, gapless: bool = False, see: Callable[[Header], None] | None = None
    ) -> None:
        self.seq = known.seq if known else 0
        self.link = bytes.fromhex(known.link) if known else GENESIS
        self.count = self.redacted = 0
        self._follows = known is not None
        self._gapless = gapless
        self._see = see

    def take(self, line: bytes) -> str:
        """What is wrong with the next line: "", or one English sentence, and then all stands where it stood."""
        try:
            found = _lines.decode(line)
            header = msgspec.json.decode(found.header, type=Header)
            what, link = self._link(found, header.seq) if found.link else (self._number(header.seq), self.link)
        except ValueError:
            return NO_LINE
        if what:
            return what
        self.seq, self.link = header.seq, link
        self.count += 1
        self.redacted += bool(found.seal) and not found.body and not found.text
        self._follows = True
        if self._see is not None:
            self._see(header)
        return ""

    def _number(self, here: int) -> str:
        return "" if here == self.count + 1 else MISSING

    def _link(self, found: _Line, here: int) -> tuple[str, bytes]:
        before = bytes.fromhex(found.previous) if found.previous else self.link
        if self._follows and (self._gapless or not found.previous):
            if here != self.seq + 1:
                return MISSING, b""
            if before != self.link and before != sha256(self.link + bytes(found.segment)).digest():
                return REWRITTEN, b""
        header = bytes(found.header)
        body = bytes(found.body) or found.text.encode()
        if body:
            hashed = b"%b%b\t%b" % (before, header, frame_digest(found.seal.encode(), body))
        elif found.seal:
            hashed = b"%b%b\t%b" % (before, header, bytes.fromhex(found.seal))
        else:
            hashed = before + header
        made = sha256(hashed)
        return "" if made.hexdigest() == found.link else CHANGED, made.digest()


def verify_export(lines: Iterable[bytes], links: Links | None = None) -> tuple[Report, Trailer | None]:
    """Check an export, streaming: that it is not cut off, is what the manifest says, and each link holds.

    With `links`, lines go on where those stand. The signature is the caller's to check: by it the manifest is true.
    """
    links = Links() if links is None else links
    digest, count, redacted = sha256(), 0, links.redacted
    last = None
    for number, line in enumerate(lines, 1):
        if line.startswith(b'{"manifest"'):
            what = foreign(line)
            if what:
                return _report(count, Fault(0, "", number, what), links.redacted - redacted), None
            last = read_trailer(line)
            if last is not None:
                break
        digest.update(line)
        what = links.take(line)
        if what:
            return _report(count, Fault(links.seq + 1, "", number, what), links.redacted - redacted), None
        count += 1
    fault = None
    if last is None:
        fault = Fault(links.seq + 1, "", 0, CUT_OFF)
    elif (digest.hexdigest(), count) != (last.manifest.sha256, last.manifest.entries):
        fault = Fault(0, "", 0, OTHER_LINES)
    return _report(count, fault, links.redacted - redacted), last


def _report(entries: int, fault: Fault | None, redacted: int) -> Report:
    return Report(entries, fault, 0, 0, 0, redacted, torn=False)


def _body(header: Header, body: bytes) -> bytes:
    if not body:
        return b""
    if body.startswith(b"{") and (header.kind in _MADE_HERE or _is_json(body)):
        return b',"body":' + body
    return b',"text":' + _encode(body.decode())


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return False
    return True


__all__ = [
    "Links",
    "Manifest",
    "Trailer",
    "encode_manifest",
    "foreign",
    "journal_line",
    "partial_line",
    "read_trailer",
    "redact",
    "trailer",
    "verify_export",
    "whole_line",
]
