"""The format of an export: NDJSON, one entry a line, and a signed last line with the manifest.

A *whole* export, of all entries of a selection, keeps the chain:

    {"previous": …, "segment": {…}, "link": …, "header": {…}, "seal": …, "body": {…}}

`header`, `seal` and the frame stand as they stand in the journal; `body` is a frame that is a JSON object, `text` any
other body, as a string. `previous` is the link before and stands only where it is not that of the line before: where
entries were left out, and where a segment began, whose first line's header is `segment`. So each line proves itself,
and no entry is missing between two lines where `previous` is absent, or is SHA-256(the link of the line before +
segment). A joined line (joined.py) of which not all entries were selected has `taken` behind its link, a number with a
bit for each entry that was, 1 for the first: the others stand there for the proof, and readers leave them out.

A *partial* export is for a caller with less than the highest clearance. Its entries are renumbered and have no links,
because the numbers of entries that are left out would be a trace of them:

    {"header": {…}, "body": {…}}

The last line: {"manifest": {…}, "signature": …}. The signature (base64, Ed25519) is over the purpose and the bytes of
the manifest (signed.py), which holds the SHA-256 of all lines before; without this line an export is cut off, and
nothing may follow it. Format 2 knew no joined lines, and format 1 was signed without the purpose, too; both are still
read. Each line has one spelling: with a
member twice, in another order or with white space it is no line of an export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from .entry import GENESIS, Head, Header, has_one_spelling, redact, stored_digest
from .joined import can_be_split, headers_of, placed, read_any_header, width
from .proof.chain import CONTRADICTED
from .proof.signed import Check, signed_text
from .proof.verify import ChainFault, Report

EXPORT_FORMAT: Final = 3
_READABLE = (1, 2, EXPORT_FORMAT)
NO_LINE: Final = "this line is not of an export"
MISSING: Final = "entries are missing or moved here"
CHANGED: Final = "this entry was changed: its link does not hold"
REWRITTEN: Final = "this entry does not follow the one before it as that was read: the journal was changed before it"
CUT_OFF: Final = "the last line is missing: the export is cut off"
BEHIND_THE_END: Final = "there is something behind the signed last line, which no signature covers"
OTHER_KEY: Final = "the manifest is not signed with this key"
OLDER_FORM: Final = "it is signed in the older form, which does not name its purpose"
DAMAGED: Final = "the journal is not intact here: what was exported ends before the first damaged entry"
OTHER_LINES: Final = "the lines are not those that the manifest was made of: some were changed, added or removed"
_MADE_HERE = ("fanout", "out", "recovered")  # these frames are JSON: the service wrote them


class Manifest(msgspec.Struct, frozen=True):
    """The description of an export.

    `selection` is the one of the request; `head_seq` and `head_link` are the journal's head at that time. `damaged`:
    the export ends before the selection does, because the journal is not intact behind the last entry that was read.
    """

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
    damaged: bool = False


class _Line(msgspec.Struct, omit_defaults=True):
    header: msgspec.Raw = msgspec.Raw()
    previous: str = ""
    segment: msgspec.Raw = msgspec.Raw()
    link: str = ""
    taken: int = 0
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
    """The content of the last line: the manifest, its exact bytes, and the signature over them."""

    manifest: Manifest
    signed: bytes
    signature: str


_lines = msgspec.json.Decoder(_Line)
_manifests = msgspec.json.Decoder(Manifest)
_forms = msgspec.json.Decoder(_AnyTrailer)
_encode = msgspec.json.Encoder().encode
_UNREADABLE = (ValueError, RecursionError)


def whole_line(line: bytes, header: Header, previous: bytes, segment: bytes = b"", taken: int = 0) -> bytes:
    """Return a line of a whole export for a journal's line.

    `previous` is the link before in hexadecimal, empty where the line follows the one before it.

    `segment`: the header of the segment that this entry is the first of. `taken`: the entries of a joined line that are
    selected, a bit each from the first on; 0: all of them.
    """
    link, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    before = b'"previous":"%b",' % previous if previous else b""
    if segment:
        before += b'"segment":%b,' % segment
    sealed = b',"seal":"%b"' % seal if seal else b""
    chosen = b'"taken":%d,' % taken if taken else b""
    return b'{%b"link":"%b",%b"header":%b%b%b}\n' % (before, link, chosen, head, sealed, _body(header, body))


def partial_line(header: Header, body: bytes) -> bytes:
    """Return a line of a partial export for an entry that the caller may see."""
    return b'{"header":%b%b}\n' % (_encode(header), _body(header, body))


def trailer(manifest: bytes, signature: str) -> bytes:
    """Return the last line of an export."""
    return b'{"manifest":%b,"signature":"%b"}\n' % (manifest, signature.encode())


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes that are signed, after the purpose."""
    return _encode(manifest)


def journal_line(line: bytes) -> bytes | None:
    """Return an export's line in the journal's form (a partial one has no link); None for the last line.

    Raises ValueError for a line that is not of an export.
    """
    found = _strict(line)
    return None if found.manifest else _in_journal(found)


def _strict(line: bytes) -> _Line:
    """Read a line. Raises ValueError unless it is, byte for byte, the line that an export writes."""
    found = _lines.decode(line)
    if found.manifest:
        spelled = trailer(bytes(found.manifest), found.signature)
    elif not found.header:
        raise ValueError(NO_LINE)
    else:
        body = bytes(found.body)
        text = b',"body":' + body if body else b',"text":' + _encode(found.text) if found.text else b""
        spelled = b'{"header":%b%b}\n' % (bytes(found.header), text)
        if found.link:
            before = b'"previous":"%b",' % found.previous.encode() if found.previous else b""
            if found.segment:
                before += b'"segment":%b,' % bytes(found.segment)
            sealed = b',"seal":"%b"' % found.seal.encode() if found.seal else b""
            start = b'"link":"%b",' % found.link.encode()
            start += b'"taken":%d,' % found.taken if found.taken else b""
            spelled = b'{%b%b"header":%b%b%b}\n' % (before, start, bytes(found.header), sealed, text)
    if spelled != line:
        raise ValueError(NO_LINE)
    return found


def _in_journal(found: _Line) -> bytes:
    body = bytes(found.body) or found.text.encode()
    seal = found.seal.encode() or (b"-" if body else b"")
    return b"%b\t%b\t%b\t%b\n" % (found.link.encode(), bytes(found.header), seal, body)


def read_trailer(line: bytes) -> Trailer | None:
    """Return the content of the last line; None for any other line."""
    try:
        found = _strict(line)
        return _trailer(found) if found.manifest else None
    except ValueError:
        return None


def _trailer(found: _Line) -> Trailer:
    return Trailer(_manifests.decode(found.manifest), bytes(found.manifest), found.signature)


def foreign(line: bytes) -> str:
    """Return the message for the last line of an export of another format; "" for any other line."""
    try:
        form = _forms.decode(line).manifest.format
    except ValueError:
        return ""
    if form in _READABLE:
        return ""
    return f"this export is written in format {form}; this version reads format {EXPORT_FORMAT}: use one that reads it"


class Links:
    """The state of a check of export lines, line by line.

    With `gapless` no entry may be left out between two lines: the second continues the link of the first, also over the
    beginning of a segment. With `known`, an entry read before, the first line must continue that one; so a journal is
    followed over many exports, each of later entries. `see` is called with the header of every good entry.
    `checkpoints`: links by seq that are known from elsewhere; `compared` of them agreed, the last for entry `vouched`.
    """

    def __init__(
        self,
        known: Head | None = None,
        *,
        gapless: bool = False,
        see: Callable[[Header], None] | None = None,
        checkpoints: Mapping[int, str] | None = None,
    ) -> None:
        self._checkpoints = checkpoints or {}
        self.seq = known.seq if known else 0
        self.link = bytes.fromhex(known.link) if known else GENESIS
        self.count = self.redacted = self.compared = self.vouched = 0
        self._follows = known is not None
        self._gapless = gapless
        self._see = see

    def take(self, line: bytes) -> str:
        """Check the next line; return "" or the fault in one English sentence. After a fault the state is unchanged."""
        try:
            return self.take_read(_strict(line))
        except _UNREADABLE:
            return NO_LINE

    def take_read(self, found: _Line) -> str:
        """Check a line that was read, as `take`. Raises ValueError."""
        head = bytes(found.header)
        header, entries = read_any_header(head), width(head)
        body = bytes(found.body) or found.text.encode()
        if (
            not has_one_spelling(body)
            or not can_be_split(head, body)
            or (not found.link and (found.seal or entries > 1))
        ):
            return NO_LINE
        if found.taken and not (entries > 1 and 0 < found.taken < (1 << entries) - 1):
            return NO_LINE
        what, link = self._link(found, header.seq, body) if found.link else (self._number(header.seq), self.link)
        if what:
            return what
        if found.link and self._checkpoints.get(header.seq, found.link) != found.link:
            return CONTRADICTED
        if found.link and header.seq in self._checkpoints:
            self.compared, self.vouched = self.compared + 1, header.seq
        self.seq, self.link = header.seq, link
        self.count += entries
        self.redacted += (found.taken.bit_count() or entries) if found.seal and not body else 0
        self._follows = True
        if self._see is not None:
            for one in headers_of(head):
                self._see(one)
        return ""

    def _number(self, here: int) -> str:
        return "" if here == self.count + 1 else MISSING

    def _link(self, found: _Line, here: int, body: bytes) -> tuple[str, bytes]:
        before = bytes.fromhex(found.previous) if found.previous else self.link
        if self._follows and (self._gapless or not found.previous):
            if here != self.seq + width(bytes(found.header)):
                return MISSING, b""
            if before != self.link and before != sha256(self.link + bytes(found.segment)).digest():
                return REWRITTEN, b""
        header, digest = bytes(found.header), stored_digest(found.seal.encode(), body)
        made = sha256(before + header if digest is None else b"%b%b\t%b" % (before, header, digest))
        return "" if made.hexdigest() == found.link else CHANGED, made.digest()


class ExportWalk:
    """A check of an export from its first line to its end.

    It proves that the export is not cut off, that it holds the entries of its manifest and nothing else, and that each
    link holds. Iterating yields the place of every entry (that of its line, and its number in the line: joined.py) and
    its line in the journal's form. They are proven when the end is reached and `report` has no fault: only the last
    line proves the others. With `links`, lines continue from that state. `check` is of the manifest's signature.
    """

    def __init__(self, lines: Iterable[bytes], links: Links | None = None, check: Check | None = None) -> None:
        self._lines, self._check = lines, check
        self._links = Links() if links is None else links
        self._redacted_before = self._links.redacted
        self._fault: ChainFault | None = None
        self._count = 0
        self._notes: tuple[str, ...] = ()
        self.trailer: Trailer | None = None

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        links, digest, place, number = self._links, sha256(), 0, 0
        lines = iter(self._lines)
        for number, line in enumerate(lines, 1):
            found, what = self._read(line)
            if what or found is None:
                self._fault = ChainFault(links.seq + 1, "", number, what)
                return
            if found.manifest:
                break
            digest.update(line)
            shown = [*placed(place, _in_journal(found))]
            if found.taken:
                shown = [part for at, part in enumerate(shown) if found.taken >> at & 1]
            self._count += len(shown)
            yield from shown
            place += len(line)
        if self.trailer is None:
            self._fault = ChainFault(links.seq + 1, "", 0, CUT_OFF)
        elif next(lines, None) is not None:
            self._fault = ChainFault(0, "", number + 1, BEHIND_THE_END)
        else:
            self._fault = self._at_end(self.trailer, digest.hexdigest())

    @property
    def report(self) -> Report:
        """The report, complete after the last entry."""
        redacted = self._links.redacted - self._redacted_before
        return Report(
            self._count,
            self._fault,
            *(0, 0, 0, redacted),
            torn=False,
            notes=self._notes,
            vouched=self._links.vouched,
            compared=self._links.compared,
        )

    def to_the_end(self) -> Report:
        """Walk to the end and return the report."""
        for _ in self:
            pass
        return self.report

    def _read(self, line: bytes) -> tuple[_Line | None, str]:
        try:
            found = _strict(line)
            if not found.manifest:
                return found, self._links.take_read(found)
            what = foreign(line)
            if not what:
                self.trailer = _trailer(found)
        except _UNREADABLE:
            return None, foreign(line) or NO_LINE
        return found, what

    def _at_end(self, found: Trailer, digest: str) -> ChainFault | None:
        if (digest, self._count) != (found.manifest.sha256, found.manifest.entries):
            return ChainFault(0, "", 0, OTHER_LINES)
        if found.manifest.damaged:
            return ChainFault(self._links.seq + 1, "", 0, DAMAGED)
        older = found.manifest.format == 1
        if self._check is not None:
            text = found.signed if older else signed_text("export", found.signed)
            if not self._check(text, found.signature):
                return ChainFault(0, "", 0, OTHER_KEY)
            self._notes = (OLDER_FORM,) if older else ()
        return None


def verify_export(lines: Iterable[bytes], links: Links | None = None) -> tuple[Report, Trailer | None]:
    """Check an export, streaming. The caller checks the signature of the returned trailer."""
    walk = ExportWalk(lines, links)
    return walk.to_the_end(), walk.trailer


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
    "ExportWalk",
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
