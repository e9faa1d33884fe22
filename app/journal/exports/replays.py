"""The pages of history that were replayed to a session or a user: ranges of events that stand earlier."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.proof.verify import DamagedJournalError
from dossier_realtime.recording.replay.transcript import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KIND = b'"kind":"replayed"'


class Replays:
    """The events that `replayed` entries of a session or a user cover. `lines` are read before the export."""

    def __init__(self, lines: Iterable[bytes], session: str, user: str) -> None:
        self._spans: defaultdict[tuple[str, str], list[range]] = defaultdict(list)
        for header in _replayed(lines):
            if session in ("", header.session) and user in ("", header.user):
                self._spans[header.channel, header.epoch].append(span(header))

    def cover(self, header: Header) -> bool:
        """Return whether an entry is an event that was replayed to them."""
        if header.kind not in ("fanout", "recovered") or not header.offset:
            return False
        spans = self._spans.get((header.channel, header.epoch), ())
        return any(header.offset in one for one in spans)


def _replayed(lines: Iterable[bytes]) -> Iterator[Header]:
    try:
        for line in lines:
            _, head, _ = line.split(b"\t", 2)
            if _KIND in head:
                yield _headers.decode(head)
    except DamagedJournalError:
        return  # the export itself says so


_headers = msgspec.json.Decoder(Header)
