"""The form of an export: NDJSON, one entry a line, and a last line that says what it is and is signed.

A *whole* export, of all that a selection takes, keeps the chain:

    {"previous": …, "link": …, "header": {…}, "seal": …, "body": {…}}

`header`, `seal` and the frame stand as they stand in the journal; `body` is a frame that is a JSON object, `text` any
other body, as a string. `previous` is the link before and stands only where entries were left out in between. So each
line proves itself, and lines without `previous` follow each other without a hole.

A *partial* export is what a caller with less than the highest clearance may see. Its entries are numbered anew and
have no links, for the numbers of what is left out are a trace of it:

    {"header": {…}, "body": {…}}

The last line: {"manifest": {…}, "signature": …}. The signature (base64, Ed25519) is over the bytes of the manifest,
which holds the SHA-256 of all lines before; without this line an export is cut off.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from .entry import GENESIS, Header, frame_digest, redact
from .verify import Fault, Report

EXPORT_FORMAT: Final = 1
_MADE_HERE = ("fanout", "out", "recovered")  # these frames are JSON, for the service wrote them


class Manifest(msgspec.Struct, frozen=True):
    """What an export holds. `selection` as it was asked for; `head` is the journal's seq and link when it was made."""

    format: int
    node: str
    made_at: float
    made_by: str
    whole: bool
    clearance: str
    selection: dict[str, str | float]
    redacted: list[str]
    entries: int
    sha256: str
    head_seq: int = 0
    head_link: str = ""


class _Line(msgspec.Struct, omit_defaults=True):
    header: msgspec.Raw = msgspec.Raw()
    previous: str = ""
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


def whole_line(line: bytes, header: Header, previous: bytes) -> bytes:
    """A journal's line as an export has it; `previous` is the link before in hexadecimal, empty where it follows."""
    link, head, seal, body = line.removesuffix(b"\n").split(b"\t")
    before = b'"previous":"%b",' % previous if previous else b""
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
        raise ValueError("this line is not of an export")
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


def verify_export(lines: Iterable[bytes]) -> tuple[Report, Trailer | None]:
    """Check an export, streaming: that it is not cut off, is what the manifest says, and each link holds.

    The signature is the caller's to check: by it the manifest is true.
    """
    digest, count, link, seq, redacted = sha256(), 0, GENESIS, 0, 0
    last = None
    for number, line in enumerate(lines, 1):
        if line.startswith(b'{"manifest"'):
            what = foreign(line)
            if what:
                return _report(count, Fault(0, "", number, what), redacted), None
            last = read_trailer(line)
            if last is not None:
                break
        digest.update(line)
        try:
            found = _lines.decode(line)
            what, link, seq = _follow(found, link, seq, count)
            redacted += bool(found.seal) and not found.body and not found.text
        except ValueError:
            what = "this line is not of an export"
        if what:
            return _report(count, Fault(seq + 1, "", number, what), redacted), None
        count += 1
    if last is None:
        return _report(count, Fault(seq + 1, "", 0, "the last line is missing: the export is cut off"), redacted), None
    if (digest.hexdigest(), count) != (last.manifest.sha256, last.manifest.entries):
        what = "the lines are not those that the manifest was made of: some were changed, added or removed"
        return _report(count, Fault(0, "", 0, what), redacted), last
    return _report(count, None, redacted), last


def _follow(found: _Line, link: bytes, seq: int, count: int) -> tuple[str, bytes, int]:
    header = bytes(found.header)
    here = msgspec.json.decode(header, type=Header).seq
    if not found.link:
        return ("" if here == count + 1 else "entries are missing or moved here"), link, here
    if found.previous:
        link = bytes.fromhex(found.previous)
    elif count and here != seq + 1:
        return "entries are missing or moved here", link, seq
    body = bytes(found.body) or found.text.encode()
    if body:
        hashed = b"%b%b\t%b" % (link, header, frame_digest(found.seal.encode(), body))
    elif found.seal:
        hashed = b"%b%b\t%b" % (link, header, bytes.fromhex(found.seal))
    else:
        hashed = link + header
    made = sha256(hashed)
    if made.hexdigest() != found.link:
        return "this entry was changed: its link does not hold", link, seq
    return "", made.digest(), here


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
