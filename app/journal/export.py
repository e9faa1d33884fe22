"""Exports of a journal, as a stream: a selection of its entries, whole or as far as the caller may see, and signed.

The form is in dossier_realtime/recording/export.py. Reads the files only; the service may be writing meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from app.journal.signing import Signer
from dossier_realtime.archive.folder import kept_paths, read_anchor, read_head, read_lines
from dossier_realtime.protocol.channels import parse_pattern
from dossier_realtime.recording.entry import Header, redact
from dossier_realtime.recording.export import (
    EXPORT_FORMAT,
    Manifest,
    encode_manifest,
    partial_line,
    trailer,
    whole_line,
)
from dossier_realtime.recording.routing import Routing
from dossier_realtime.recording.visibility import HIGHEST, Veil


class Selection(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is asked for; empty: all. `channel` is a name or a pattern; times are Unix seconds, `until` excluded.

    A session's entries are its own and every frame that it received; a user's are those of the user's sessions.
    Raises ValueError for a channel that is no pattern.
    """

    session: str = ""
    user: str = ""
    channel: str = ""
    since: float = 0.0
    until: float = 0.0

    def __post_init__(self) -> None:
        if self.channel and parse_pattern(self.channel) is None:
            raise ValueError("channel is a name such as dossier:country:SA, or a pattern such as dossier:*")


class Archive:
    """One node's journal on disk, to be exported."""

    def __init__(self, folder: Path, node: str, signer: Signer) -> None:
        self._folder, self._node, self._signer = folder, node, signer

    def export(
        self,
        selection: Selection,
        *,
        made_at: float,
        made_by: str,
        clearance: str = HIGHEST,
        level_of: Callable[[str], str] | None = None,
        redacted: Sequence[str] = (),
    ) -> Iterator[bytes]:
        """The lines of the export, the last one signed. One line is in memory at a time.

        With `level_of` (of a channel, now) the export is partial: what `clearance` does not reach leaves no trace.
        The frames of channels that fit a pattern of `redacted` give way to their digests.
        """
        head = read_head(self._folder, self._node)
        veil = None if level_of is None else Veil(clearance, level_of)
        digest, count = sha256(), 0
        for line in self._lines(_Filter(selection), veil, redacted):
            digest.update(line)
            count += 1
            yield line
        manifest = Manifest(
            format=EXPORT_FORMAT,
            node=self._node,
            made_at=round(made_at, 3),
            made_by=made_by,
            whole=veil is None,
            clearance=clearance,
            selection=msgspec.to_builtins(selection),
            redacted=list(redacted),
            entries=count,
            sha256=digest.hexdigest(),
            head_seq=head.seq if head and veil is None else 0,
            head_link=head.link if head and veil is None else "",
        )
        signed = encode_manifest(manifest)
        yield trailer(signed, self._signer.sign(signed))

    def _lines(self, selected: _Filter, veil: Veil | None, redacted: Sequence[str]) -> Iterator[bytes]:
        patterns = [pattern for text in redacted if (pattern := parse_pattern(text)) is not None]
        before = shown = b""
        for line in self._entries():
            link, head, _, rest = line.split(b"\t", 3)
            header = None if head.startswith(b'{"format"') else _headers.decode(head)
            if header is None or not selected.takes(header):
                if veil is not None and header is not None:
                    veil.see(header, b"")
                before = link
                continue
            hidden = any(pattern.matches(header.channel) for pattern in patterns)
            if veil is None:
                yield whole_line(redact(line) if hidden else line, header, b"" if shown and before == shown else before)
                shown = link
            elif (seen := veil.see(header, b"" if hidden else rest[:-1])) is not None:
                yield partial_line(veil.number(seen[0]), seen[1])
            before = link

    def _entries(self) -> Iterator[bytes]:
        for path in kept_paths(self._folder, self._node, read_anchor(self._folder, self._node)):
            yield from (line for line in read_lines(path) if line.endswith(b"\n"))


class _Filter:
    """A selection, applied to entries in their order."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._pattern = parse_pattern(selection.channel) if selection.channel else None
        self._routing = Routing()
        self._mine: set[str] = set()

    def takes(self, header: Header) -> bool:
        asked = self._selection
        if (asked.session or asked.user) and not self._concerns(header):
            return False
        if header.at < asked.since or (asked.until and header.at >= asked.until):
            return False
        return self._pattern is None or bool(header.channel and self._pattern.matches(header.channel))

    def _concerns(self, header: Header) -> bool:
        asked = self._selection
        if asked.user and header.user == asked.user:
            self._mine.add(header.session)
        receivers = self._routing.take(header)
        if asked.user and header.user != asked.user and not self._mine.intersection(receivers):
            return False
        return not asked.session or asked.session == header.session or asked.session in receivers


_headers = msgspec.json.Decoder(Header)
