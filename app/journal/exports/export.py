"""Exports of a journal as a signed stream: a selection, whole or as far as the caller may see it.

The form is in dossier_realtime/recording/export.py. It reads the files only; the service may be writing meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from app.journal.exports.chains import Chains, ReadFrom
from app.journal.exports.redaction import Redaction
from app.journal.exports.replays import Replays
from app.journal.exports.scope import Naming, Scope, trimmed
from app.journal.exports.selection import NothingSelected, Selection, Tally
from app.journal.signatures.signing import Signer
from dossier_realtime.archive.folder import nodes
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.channels import Pattern, is_channel
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.recording.entry import Header, redact
from dossier_realtime.recording.export import (
    EXPORT_FORMAT,
    Manifest,
    encode_manifest,
    partial_line,
    trailer,
    whole_line,
)
from dossier_realtime.recording.joined import headers_of, split_line
from dossier_realtime.recording.names import channel_pattern, did_you_mean
from dossier_realtime.recording.proof.verify import DamagedJournalError
from dossier_realtime.recording.redaction.routing import Routing
from dossier_realtime.recording.redaction.visibility import ClearanceFilter, SelectionFilter

_NOTHING = "no entry fits this selection, so there is no export: check its names and times"
_MAX_COMPARED = 20_000  # names that are kept, to offer one that is near
LOOKBACK_SECONDS = 25 * 3600.0
"""Seconds before `since` from which the journal is read: a day of context, an hour for a clock that went back."""

_CONNECTIONS = frozenset({"start", "open", "renewed", "close"})
_CONTEXT_KINDS = _CONNECTIONS | {"attach", "detach", "settings", "lifted"}
_LASTING = frozenset({"user", "relationship", "document"})  # facts of these namespaces still hold later


class Archive:
    """The journals in a folder, to be exported. `node`: the one that pages are of, where a selection names none."""

    def __init__(self, folder: Path, node: str, signer: Signer) -> None:
        self._folder, self._node, self._signer = folder, node, signer

    def keeps_links(self, selection: Selection) -> bool:
        """Return whether a selection is of one node's journal: of several, entries are numbered anew."""
        return self._chains(selection).is_one

    def export(
        self,
        selection: Selection,
        *,
        made_at: float,
        made_by: str,
        clearance: str = HIGHEST,
        level_of: Callable[[str], str] | None = None,
        personal: bool = True,
        redacted: Sequence[str] = (),
        tally: Tally | None = None,
    ) -> Iterator[bytes]:
        """Yield the lines of the export, the last one signed. One line is in memory at a time.

        Of the journals of several nodes it is one export, in the order and form of recording/merge.py: it is partial,
        as it has no links, and nothing is left out.

        With `level_of` (of a channel, now) the export is partial: entries above `clearance` leave no trace, and without
        `personal` neither do addresses, ids of tokens, and permissions that reach none of the selected channels.

        Frames that match a pattern of `redacted` are replaced by their digests. `tally` counts the entries that were
        written. Where the journal is not intact the export ends, and its manifest says so.

        Raises ValueError and OSError where the journal cannot be read; NothingSelected where no entry fits, unless the
        page may be empty; UnmatchedRedaction where a pattern of `redacted` fits nothing.
        """
        chains = self._chains(selection)
        head = chains.head
        clearance_filter = (
            ClearanceFilter(clearance, level_of)
            if level_of is not None
            else SelectionFilter()
            if selection.surrounds or not chains.is_one
            else None
        )
        if not personal and (clearance_filter is None or not selection.channel):
            raise ValueError("an export without what is personal is partial, and of channels that are named")
        selected, redaction = _Filter(selection, clearance_filter), Redaction(redacted)
        selected.only = None if personal else channel_pattern(selection.channel)
        scope = self._scope(chains, selection, selected, clearance_filter)
        if selection.session or selection.user:
            lines = chains.lines(self._begin(selected, filtered=True))
            selected.replays = Replays(lines, selection.session, selection.user)
        digest, count, damaged = sha256(), 0, False
        if scope is not None and not scope.found:
            raise NothingSelected(_NOTHING)
        try:
            for line, entries in self._lines(chains, selected, clearance_filter, (redaction, scope)):
                digest.update(line)
                count += entries
                yield line
        except DamagedJournalError:  # entries behind the fault are not proven, and so not exported
            damaged = True
        if not count and not damaged and not selection.follows:
            raise NothingSelected(_NOTHING + ("" if level_of else selected.near()))
        if not damaged:  # else what it would fit may stand behind
            redaction.must_match()
        if tally is not None:
            tally.entries, tally.redacted, tally.damaged = count, redaction.frames, damaged
        manifest = Manifest(
            format=EXPORT_FORMAT,
            node=chains.name,
            made_at=round(made_at, 3),
            made_by=made_by,
            whole=clearance_filter is None,
            clearance=clearance,
            selection=msgspec.to_builtins(selection),
            redacted=list(redacted),
            entries=count,
            sha256=digest.hexdigest(),
            head_seq=head.seq if head and clearance_filter is None else 0,
            head_link=head.link if head and clearance_filter is None else "",
            damaged=damaged,
        )
        signed = encode_manifest(manifest)
        yield trailer(signed, self._signer.sign("export", signed))

    def _chains(self, selection: Selection) -> Chains:
        there = nodes(self._folder) if self._folder.is_dir() else []
        if selection.node and selection.node not in there:
            raise NothingSelected(
                f"there is no journal of {selection.node} here; there are {', '.join(there) or 'none'}"
            )
        if selection.node or selection.after or selection.limit or len(there) < 2:
            return Chains(self._folder, [selection.node or self._node])
        return Chains(self._folder, there)

    def _scope(
        self, chains: Chains, selection: Selection, selected: _Filter, clearance_filter: ClearanceFilter | None
    ) -> Scope | None:
        """Return the surroundings of the selected channels, read before anything is written."""
        if clearance_filter is None or not selection.surrounds:
            return None
        lines = chains.lines(self._begin(selected, filtered=True))
        selected.scope = Scope(channel_pattern(selection.channel), lines, selection.until, clearance_filter.may_see)
        return selected.scope

    @staticmethod
    def _begin(selected: _Filter, *, filtered: bool) -> ReadFrom:
        since = selected.begins_at if not filtered or selected.context else 0.0
        return ReadFrom(selected.begins_after, since)

    def _lines(
        self,
        chains: Chains,
        selected: _Filter,
        clearance_filter: ClearanceFilter | None,
        shown_as: tuple[Redaction, Scope | None],
    ) -> Iterator[tuple[bytes, int]]:
        """Yield the lines before the last, each with the number of entries in it."""
        redaction, _ = shown_as
        before = shown = segment = b""
        count = 0
        for line in chains.lines(self._begin(selected, filtered=clearance_filter is not None)):
            link, head, _, rest = line.split(b"\t", 3)
            if head.startswith(b'{"format"'):
                before, segment = link, head
                continue
            if clearance_filter is not None:
                for part in split_line(line):
                    yield from self._partial(part, selected, clearance_filter, shown_as)
                continue
            headers = headers_of(head)
            taken = [selected.takes(header) for header in headers]  # each is to be seen
            if not any(taken):
                before, segment = link, b""
                continue
            shown_headers = [header for header, one in zip(headers, taken, strict=True) if one]
            redacted = [redaction.hides(header, rest[:-1]) for header in shown_headers]
            previous = b"" if shown and before == shown else before
            shown_line = redact(line) if any(redacted) else line
            bits = 0 if all(taken) else sum(one << number for number, one in enumerate(taken))
            yield whole_line(shown_line, headers[-1], previous, segment, bits), sum(taken)
            shown, segment, count, before = link, b"", count + sum(taken), link
            if 0 < selected.limit <= count:
                return

    @staticmethod
    def _partial(
        line: bytes, selected: _Filter, clearance_filter: ClearanceFilter, shown_as: tuple[Redaction, Scope | None]
    ) -> Iterator[tuple[bytes, int]]:
        """Yield the line of an entry in a partial export, if it is selected and may be seen."""
        redaction, scope = shown_as
        _, head, _, rest = line.split(b"\t", 3)
        header = _headers.decode(head)
        if not selected.takes(header):
            clearance_filter.see(header, b"", selected=False)
            return
        if scope is not None:
            header = scope.trimmed(header)
        elif selected.only is not None:
            header = trimmed(header, selected.only)
        if (seen := clearance_filter.see(header, rest[:-1])) is not None:
            body = b"" if redaction.hides(header, seen[1]) else seen[1]
            yield partial_line(clearance_filter.number(seen[0]), body), 1


class _Filter:
    """A selection, applied to entries in their order."""

    def __init__(self, selection: Selection, clearance_filter: ClearanceFilter | None) -> None:
        self._selection = selection
        may_see = (lambda _: True) if clearance_filter is None else clearance_filter.may_see
        self._naming = Naming(channel_pattern(selection.channel), may_see) if selection.channel else None
        self._routing = Routing()
        self._mine: set[str] = set()
        self.limit = selection.limit
        self.context = selection.context
        self._names: set[str] = set()
        self.scope: Scope | None = None
        self.replays: Replays | None = None
        self.only: Pattern | None = None
        """Channels that headers are trimmed to, where what is personal stays out."""

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
        return max(0.0, asked.since - LOOKBACK_SECONDS)

    def near(self) -> str:
        """Return the end of a sentence that offers names close to those that were asked for."""
        asked = self._selection
        name = asked.session or asked.user
        offered = self._names - {""} if name else filter(is_channel, self._names)
        return did_you_mean(name or asked.channel, sorted(offered))

    def takes(self, header: Header) -> bool:
        asked = self._selection
        if len(self._names) < _MAX_COMPARED:
            self._names.add(header.session if asked.session else header.user if asked.user else header.channel)
        if (asked.session or asked.user) and not self._concerns(header):
            return False
        if header.seq <= asked.after or (asked.until and header.at >= asked.until):
            return False
        if header.at < asked.since and not (asked.context and _sets_the_scene(header)):
            return False
        if self.scope is not None:
            return header.seq <= self.scope.last and self.scope.takes(header)
        if asked.context and header.kind in _CONNECTIONS:
            return True
        return self._naming is None or self._naming.takes(header)

    def _concerns(self, header: Header) -> bool:
        asked = self._selection
        if asked.user and header.user == asked.user:
            self._mine.add(header.session)
        receivers = self._routing.take(header)
        if self.replays is not None and self.replays.cover(header):
            return True
        if asked.user and header.user != asked.user and not self._mine.intersection(receivers):
            return False
        return not asked.session or asked.session == header.session or asked.session in receivers


def _sets_the_scene(header: Header) -> bool:
    """Return True where the content of an entry may still hold later."""
    if header.kind not in ("fanout", "recovered"):
        return header.kind in _CONTEXT_KINDS
    return header.audience == "presence" or channels.namespace(header.channel) in _LASTING


_headers = msgspec.json.Decoder(Header)

__all__ = ["LOOKBACK_SECONDS", "Archive"]
