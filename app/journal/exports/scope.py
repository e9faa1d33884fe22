"""The surroundings of some channels in an export: the sessions that touched them, and the acts that name them.

With context, an export of channels holds the connections that received, sent or were refused something there, and of
their rights those that reach these channels; addresses and the ids of tokens are left out, of every kind of entry. So
they are in any export by who administers some channels only. Since the headers of these entries are not as the journal
has them, such an export is partial: it keeps no links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Grant
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.joined import headers_of
from dossier_realtime.recording.proof.verify import DamagedJournalError
from dossier_realtime.recording.redaction.visibility import channel_of_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dossier_realtime.protocol.channels import Pattern
    from dossier_realtime.recording.entry import Detail

_CONNECTIONS: Final = frozenset({"open", "renewed", "close", "conflated"})
_EXPORT: Final = "export_journal"
_CALLS: Final = frozenset({"act", "http"})
_PERSONAL: Final = ("address", "token")
_OF_SUBJECT: Final = ("subject", "before", "after", "reason", "query")


class Scope:
    """Channels that fit a pattern, with the sessions that touched them.

    `lines` are read once, before the export is written: `last` is the seq of the last of them before `until` (Unix
    seconds, 0: no end). `may_see` says of an entry whether its reader may; what a hidden channel did leaves no trace.
    `found` is whether anything names such a channel.
    """

    def __init__(
        self, pattern: Pattern, lines: Iterable[bytes], until: float, may_see: Callable[[Header], bool]
    ) -> None:
        self._pattern = pattern
        self._sessions: set[str] = set()
        self.found = False
        self.last = 0
        self._naming = Naming(pattern, may_see)
        naming = Naming(pattern, may_see)
        for header in _headers_of(lines):
            self.last = header.seq
            if (until and header.at >= until) or not naming.takes(header) or not may_see(header):
                continue
            self.found = True
            if header.session:
                self._sessions.add(header.session)

    def takes(self, header: Header) -> bool:
        """Return whether an entry belongs to the channels, or to the connections and acts around them."""
        if header.kind in _CONNECTIONS:
            return header.session in self._sessions
        return self._naming.takes(header) or header.kind == "start"

    def trimmed(self, header: Header) -> Header:
        """Return the header with no more than concerns the channels."""
        return trimmed(header, self._pattern)


def trimmed(header: Header, pattern: Pattern) -> Header:
    """Return the header with no more than concerns channels that fit a pattern: neither addresses nor ids of tokens."""
    detail = header.detail | {name: "" for name in _PERSONAL if name in header.detail}
    subject = str(detail.get("subject", ""))
    if detail.get("subject_kind") == "token":
        detail["subject"] = ""
    elif detail.get("subject_kind") == "document" and not pattern.matches(channels.document(subject)):
        detail |= {name: "" for name in _OF_SUBJECT if name in detail}  # a counterpart of one that fits
    permissions, named = detail.get("permissions"), detail.get("channels")
    if isinstance(permissions, list):
        detail["permissions"] = [text for text in permissions if _grants(text, pattern)]
    if isinstance(named, list):
        detail["channels"] = [name for name in named if pattern.matches(name)]
    versions = detail.get("versions")
    if isinstance(versions, list):
        detail["versions"] = [text for text in versions if pattern.matches(text.partition(" ")[0])]
    via = "token:" if header.via.startswith("token:") else header.via
    if detail == header.detail and via == header.via:
        return header
    return msgspec.structs.replace(header, detail=detail, via=via)


def _grants(permission: str, pattern: Pattern) -> bool:
    grant = Grant.parse(permission)
    return grant is not None and grant.pattern.overlaps(pattern)


class Naming:
    """A filter for entries on a channel that fits, and for calls and acts that name one, in their order.

    It also takes the end of everything that a session received, where it received such a channel and that may be seen
    (`may_see`). Exports of the journal are not among them: a search for an absent name would find itself.
    """

    def __init__(self, pattern: Pattern, may_see: Callable[[Header], bool]) -> None:
        self._pattern, self._may_see = pattern, may_see
        self._acts: set[int] = set()  # by seq: their outcomes belong to them
        self._attached: set[str] = set()  # sessions, until they are detached from everything at once

    def takes(self, header: Header) -> bool:
        """Return whether the next entry is one."""
        if header.detail.get("verb") == _EXPORT:
            return False
        found = bool(header.channel and self._pattern.matches(header.channel))
        if not found and header.kind in _CALLS:
            found = any(map(self._pattern.matches, _named(header.detail)))
        if found and header.kind == "act":
            self._acts.add(header.seq)
        if header.kind == "attach" and found and self._may_see(header):
            self._attached.add(header.session)
        elif header.kind == "detach" and not header.channel and header.session in self._attached:
            self._attached.discard(header.session)
            return True
        return found or (header.kind == "outcome" and header.cause in self._acts)


def _named(detail: Detail) -> Iterator[str]:
    listed = detail.get("channels", [])
    yield from listed if isinstance(listed, list) else []
    name = channel_of_path(str(detail.get("path", "")))
    if name is not None:
        yield name


def _headers_of(lines: Iterable[bytes]) -> Iterator[Header]:
    try:
        for line in lines:
            _, head, _ = line.split(b"\t", 2)
            if not head.startswith(b'{"format"'):
                yield from headers_of(head)
    except DamagedJournalError:
        return  # the export itself says so
