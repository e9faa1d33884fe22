"""Exports of a journal, as a stream: a selection of its entries, whole or as far as the caller may see, and signed.

The form is in dossier_realtime/recording/export.py. Reads the files only; the service may be writing meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from app.journal.signing import Signer
from dossier_realtime.archive.folder import read_after, read_head, seq_before
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
from dossier_realtime.recording.verify import DamagedJournalError
from dossier_realtime.recording.visibility import HIGHEST, Veil

MOST = 100_000  # entries of a page
LOOKBACK = 25 * 3600.0
"""Seconds before `since` from which the journal is read: a day of context, an hour for a clock that went back."""

_CONNECTIONS = frozenset({"start", "open", "renewed", "close"})
_SCENE = _CONNECTIONS | {"attach", "detach", "settings", "lifted"}
_LASTING = frozenset({"user", "relationship", "document"})  # what is told there is still so later


class Selection(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is asked for; empty: all. `channel` is a name or a pattern; times are Unix seconds, `until` excluded.

    A session's entries are its own and every frame that it received; a user's are those of the user's sessions.
    `context`: also what had begun before `since`, up to a day, and shows how things stood then: connections and what
    they received, settings, presence, alerts, briefs, relationships, documents. `after`: entries with a higher seq;
    `limit`: of these so many. Both are for whole exports, page by page.
    Raises ValueError for a channel that is no pattern, and for numbers out of range.
    """

    session: str = ""
    user: str = ""
    channel: str = ""
    since: float = 0.0
    until: float = 0.0
    context: bool = False
    after: int = 0
    limit: int = 0

    def __post_init__(self) -> None:
        if self.after < 0:
            raise ValueError("after is the number of an entry, 0 before the first")
        if not 0 <= self.limit <= MOST:
            raise ValueError(f"limit is from 1 to {MOST} entries, 0 for all")
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
        The frames of channels that fit a pattern of `redacted` give way to their digests. Where the journal is not
        intact the export ends, and its manifest says so. Raises ValueError and OSError where it cannot be read.
        """
        head = read_head(self._folder, self._node)
        veil = None if level_of is None else Veil(clearance, level_of)
        digest, count, damaged = sha256(), 0, False
        try:
            for line in self._lines(_Filter(selection), veil, redacted):
                digest.update(line)
                count += 1
                yield line
        except DamagedJournalError:  # what is behind is not proven, and so not passed on
            damaged = True
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
            damaged=damaged,
        )
        signed = encode_manifest(manifest)
        yield trailer(signed, self._signer.sign("export", signed))

    def _lines(self, selected: _Filter, veil: Veil | None, redacted: Sequence[str]) -> Iterator[bytes]:
        patterns = [pattern for text in redacted if (pattern := parse_pattern(text)) is not None]
        before = shown = segment = b""
        count = 0
        after = selected.begins_after
        if selected.begins_at and (veil is None or selected.context):
            after = max(after, seq_before(self._folder, self._node, selected.begins_at))
        for line in read_after(self._folder, self._node, after):
            link, head, _, rest = line.split(b"\t", 3)
            header = None if head.startswith(b'{"format"') else _headers.decode(head)
            if header is None or not selected.takes(header):
                if veil is not None and header is not None:
                    veil.see(header, b"")
                before, segment = link, head if header is None else b""
                continue
            hidden = any(pattern.matches(header.channel) for pattern in patterns)
            if veil is None:
                previous = b"" if shown and before == shown else before
                yield whole_line(redact(line) if hidden else line, header, previous, segment)
                shown, segment, count = link, b"", count + 1
                if count == selected.limit:
                    return
            elif (seen := veil.see(header, b"" if hidden else rest[:-1])) is not None:
                yield partial_line(veil.number(seen[0]), seen[1])
            before = link


class _Filter:
    """A selection, applied to entries in their order."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._pattern = parse_pattern(selection.channel) if selection.channel else None
        self._routing = Routing()
        self._mine: set[str] = set()
        self.limit = selection.limit
        self.context = selection.context

    @property
    def begins_after(self) -> int:
        """Up to which entry nothing needs to be read: who received what is known from the beginning on only."""
        asked = self._selection
        return 0 if asked.session or asked.user else asked.after

    @property
    def begins_at(self) -> float:
        """Before which time nothing needs to be read; 0: all of it."""
        asked = self._selection
        if not asked.since or ((asked.session or asked.user) and not asked.context):
            return 0.0
        return max(0.0, asked.since - LOOKBACK)

    def takes(self, header: Header) -> bool:
        asked = self._selection
        if (asked.session or asked.user) and not self._concerns(header):
            return False
        if header.seq <= asked.after or (asked.until and header.at >= asked.until):
            return False
        if header.at < asked.since and not (asked.context and _sets_the_scene(header)):
            return False
        if asked.context and header.kind in _CONNECTIONS:
            return True
        return self._pattern is None or bool(header.channel and self._pattern.matches(header.channel))

    def _concerns(self, header: Header) -> bool:
        asked = self._selection
        if asked.user and header.user == asked.user:
            self._mine.add(header.session)
        receivers = self._routing.take(header)
        if asked.user and header.user != asked.user and not self._mine.intersection(receivers):
            return False
        return not asked.session or asked.session == header.session or asked.session in receivers


def _sets_the_scene(header: Header) -> bool:
    """Whether what an entry says may still hold later."""
    if header.kind not in ("fanout", "recovered"):
        return header.kind in _SCENE
    return header.audience == "presence" or header.channel.partition(":")[0] in _LASTING


_headers = msgspec.json.Decoder(Header)
