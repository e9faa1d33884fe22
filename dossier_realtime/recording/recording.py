"""Queries of a recorded journal: tables, transcripts, state and documents at a time, receivers, causes and proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, SupportsIndex, get_args

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.explanations.explanation import explain_rule
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.rich_text.side_by_side import SideBySide

from . import moments
from .entry import Detail, Entry, Header, Kind
from .index import Index, Source
from .moments import Zone, unix
from .names import TYPES, channel_pattern, did_you_mean, must_be_in, must_be_text
from .proof.verify import Report
from .relationships import history as relationships
from .relationships.scoring import HealthPolicy
from .replay import documents, pairs
from .replay.documents import DocumentHistory
from .replay.pairs import PairReplay, RecordedPairs
from .replay.timeline import RecordedState
from .replay.transcript import Frame, delivery, span, transcript

if TYPE_CHECKING:
    import pandas as pd

    from dossier_realtime.protocol.channels import Pattern
    from dossier_realtime.rich_text.clause_words import WordLanguage

    from .moments import Moment
    from .relationships.history import HealthHistory

_KINDS: frozenset[str] = frozenset(get_args(Kind))


class EntryReader(NamedTuple):
    """A reader of an event: the user, the session, and the clearance at that time."""

    user: str
    session: str
    clearance: str


class Explained(NamedTuple):
    """The explanation of an acceptance or a refusal.

    `sentence` is in English and Arabic, `at` in Unix seconds; `clearance` and `permissions` are the claims of the
    session's token at that time.
    """

    allowed: bool
    rule: str
    at: float
    sentence: Localized
    user: str
    channel: str
    level: str
    clearance: str
    permissions: tuple[str, ...]


class Recording:
    """The recorded entries of one node, or of several in one order (merge.py), indexed once.

    Frames are read from the source on use. Of several nodes `node` of an entry's header says whose it is.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: Index | None = None
        self._folded: tuple[int, RecordedState] = (0, RecordedState())
        self._pairs: RecordedPairs | None = None

    @property
    def index(self) -> Index:
        """The index of the entries, made on first use."""
        if self._found is None:
            self._found = Index(self._source)
        return self._found

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.index)

    @property
    def span(self) -> tuple[float, float]:
        """The times of the first and of the last entry (Unix seconds). Raises ValueError for an empty recording."""
        times = self.index.times
        if not times:
            raise ValueError("this recording is empty: nothing was recorded, or nothing that may be seen")
        return times[0], times[-1]

    def verify(self) -> Report:
        """Verify that all of it is whole and unchanged; `report.fault` names the first bad entry."""
        return self._source.verify()

    # --- tables ---------------------------------------------------------------------------------------------------

    def sessions(self) -> pd.DataFrame:
        """Return one row a session: user, name, role, clearance, address, times, connections, reason of its end."""
        from . import tables  # noqa: PLC0415  pandas is heavy, and only tables need it

        return tables.sessions(self.index)

    def users(self) -> pd.DataFrame:
        """Return one row a user who had a session: name, sessions, time of the first and the last, frames of these.

        Those are the frames accepted and refused. Users who only called over HTTP are in `acts` and `events`.
        """
        from . import tables  # noqa: PLC0415  likewise

        return tables.users(self.index)

    def channels(self) -> pd.DataFrame:
        """Return one row a channel: level, events, deliveries, the last offset."""
        from . import tables  # noqa: PLC0415  likewise

        return tables.channels(self.index)

    def events(
        self,
        *,
        session: str = "",
        user: str = "",
        channel: str = "",
        kind: Kind | None = None,
        type: str = "",  # noqa: A002  the field's name on the wire
        since: Moment | None = None,
        until: Moment | None = None,
        tz: Zone = UTC,
    ) -> pd.DataFrame:
        """Return one row an entry, by time (UTC).

        `channel` may be a pattern, such as `dossier:*`; `type` is that of the frame.

        Raises as `entries`, and ValueError for a type that neither the protocol nor the recording has.
        """
        from . import tables  # noqa: PLC0415  likewise

        must_be_text(type, "the type of a message")
        found = self.entries(session=session, user=user, channel=channel, kind=kind, since=since, until=until, tz=tz)
        table = tables.events(found, type)
        if type and table.empty and type not in TYPES:
            raise ValueError(f"there is no message of type {type!r}{did_you_mean(type, sorted(TYPES))}")
        return table

    def acts(
        self,
        *,
        user: str = "",
        channel: str = "",
        since: Moment | None = None,
        until: Moment | None = None,
        tz: Zone = UTC,
    ) -> pd.DataFrame:
        """Return one row an act, by time (UTC): who changed or exported what, from where, why, and its outcome.

        An act without an outcome was under way when the recording ends. `channel` is the one that the act is on; an act
        on several has them in `channels`. Raises as `entries`.
        """
        from . import tables  # noqa: PLC0415  likewise

        found = self.entries(user=user, channel=channel, kind="act", since=since, until=until, tz=tz)
        return tables.acts(found, self.entries(kind="outcome"))

    def entries(
        self,
        *,
        session: str = "",
        user: str = "",
        channel: str = "",
        kind: Kind | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        tz: Zone = UTC,
    ) -> Iterator[Entry]:
        """Yield the entries that fit, in order, as the journal holds them; both ends of the time are included.

        Times may be Unix seconds, text, a `datetime` and more (moments.py); without a zone they are in `tz`.

        Raises:
            KeyError: for a session, a user or a channel that is not in this recording.
            ValueError: for text that can name no channel, an unknown kind, and a `since` after `until`.
        """
        for what, value in (("session", session), ("user", user), ("channel", channel), ("kind", kind)):
            if value is not None:
                must_be_text(value, f"the name of a {what}")
        if session:
            must_be_in(self.index.sessions, session, "session", "sessions()")
        if user:
            must_be_in(self.index.users, user, "user", "users()")
        if kind is not None and kind not in _KINDS:
            raise ValueError(f"there is no kind {kind!r} of entry{did_you_mean(kind, sorted(_KINDS))}")
        pattern = channel_pattern(channel) if channel else None
        if pattern is not None and "*" not in pattern.segments:
            must_be_in(self.index.channels, channel, "channel", "channels()")
        begins, ends = moments.span(since, until, tz)
        first = 0 if begins is None else self.index.since(begins)
        last = len(self.index) if ends is None else self.index.until(ends)
        numbers = self.index.sessions[session] if session else range(first, last)
        return self._fitting(numbers, first, last, user, kind, pattern)

    def _fitting(
        self, numbers: Iterable[int], first: int, last: int, user: str, kind: Kind | None, pattern: Pattern | None
    ) -> Iterator[Entry]:
        for number in numbers:
            if not first <= number < last:
                continue
            entry = self.index.entry(number)
            header = entry.header
            fits = (not user or header.user == user) and (kind is None or header.kind == kind)
            if fits and (pattern is None or (header.channel and pattern.matches(header.channel))):
                yield entry

    # --- transcripts, state, receivers and causes -----------------------------------------------------------------

    def transcript(self, session: str) -> list[Frame]:
        """Return every frame that a session received and sent. Raises KeyError for one that is not in the recording."""
        return transcript(self.index, session)

    def frames(self, session: str) -> pd.DataFrame:
        """Return a transcript as a table: one row a frame, by time (UTC); `text` may be empty."""
        from . import tables  # noqa: PLC0415  pandas is heavy

        return tables.frames(self.transcript(session))

    def state_at(self, moment: Moment, tz: Zone = UTC) -> RecordedState:
        """Return the state at a time: sessions, presence, alerts, briefs, limits, settings, versions.

        Calls in order of time are quick, because the fold continues from the last one. The state is a copy of the
        caller's own. For a document's text use `document(name).at(state.at)`. Times as in `entries`. Raises KeyError
        for a time before the recording begins.
        """
        at = unix(moment, tz)
        if at < self.span[0]:
            begins = moments.written(self.span[0])
            raise KeyError(f"this recording begins at {begins}; how things stood before, it does not know")
        until = self.index.until(at)
        number, state = self._folded
        if until < number:
            number, state = 0, RecordedState()
        for place in range(number, until):
            state.take(self.index.entry(place))
        state.at = max(state.at, at)
        self._folded = (until, state)
        copied = deepcopy(state)
        copied.known = self.index.channels
        return copied

    def document(self, name: str) -> DocumentHistory:
        """Return the versions of a document, `document:strategy` or `strategy`. Raises KeyError where there is none."""
        must_be_text(name, "the name of a document")
        return documents.history(self.index, name if channels.is_in(name, "document") else channels.document(name))

    def side_by_side(
        self,
        first: str,
        second: str,
        moment: Moment | None = None,
        tz: Zone = UTC,
        language: WordLanguage = "en",
    ) -> SideBySide:
        """Return a text and its translation in two columns, one row a clause; a notebook shows them as a table.

        Texts and the status of each clause are those of a time, by default of the end of the recording. A status that
        rests on what was done before the recording is `unknown`. Raises KeyError as `document`.
        """
        one, other = self.document(first), self.document(second)
        at = self.span[1] if moment is None else unix(moment, tz)
        texts = [each.document_at(each.last if moment is None else each.version_at(at)) for each in (one, other)]
        names = self.pairs.names(one.name, other.name)
        is_turned = names.first != one.name
        sides = (other, one) if is_turned else (one, other)
        marks = PairReplay(self.pairs, names, *sides).until(at)
        if marks is not None and is_turned:
            marks = marks.swapped()
        return SideBySide(texts[0], texts[1], (first, second), marks, language)

    @property
    def pairs(self) -> RecordedPairs:
        """The pairs of documents that acts made and took apart, with their marks; made on first use."""
        if self._pairs is None:
            self._pairs = RecordedPairs()
            for number in sorted(number for kind in pairs.KINDS for number in self.index.rare[kind]):
                self._pairs.take(self.index.entry(number).header, self.index.times[number])
        return self._pairs

    def health(self, name: str, policy: HealthPolicy | None = None) -> HealthHistory:
        """Return the course of a relationship's score, `relationship:mou-7` or `mou-7`, up to the end of the recording.

        `policy`: the rules of scores, by default those of the delivered configuration. A recording that begins later
        than the relationship knows what was given from then on. Raises KeyError where there is none.
        """
        must_be_text(name, "the name of a relationship")
        channel = name if channels.is_in(name, "relationship") else channels.relationship(name)
        entries = [*self.entries(channel=channel)]
        inputs, published = relationships.inputs_of(entries)
        rules = policy or HealthPolicy()
        return relationships.course_of(channels.identifier(channel), inputs, published, self.span[1], rules)

    def history(self, name: str) -> pd.DataFrame:
        """Return one row a version of a document: time, author, edit; the text is `document(name).at(version)`."""
        from . import tables  # noqa: PLC0415  pandas is heavy

        return tables.history(self.document(name))

    def inbox(self, user: str) -> pd.DataFrame:
        """Return one row an entry of a user's inbox, by the time at which it came (UTC): state and its last change.

        The state is `unread`, `read` or `snoozed` at the end of the recording. Of a recording that begins later than
        the inbox, earlier entries are not there.

        Raises:
            KeyError: for a user whose channel is not in the recording.
            ValueError: where the messages that marked entries are withheld, as in every view below `secret`.
        """
        from . import inboxes  # noqa: PLC0415  likewise

        must_be_text(user, "the id of a user")
        next(self.entries(channel=channels.user(user)), None)  # an unknown name is an error, and no empty inbox
        return inboxes.inbox_table(inboxes.inbox_entries(self.entries(), user))

    def delivered_to(self, channel: str, offset: SupportsIndex, *, epoch: str = "") -> set[EntryReader]:
        """Return the exact readers of an event: live, by catching up, or over HTTP.

        On a socket a reader is one to whose kernel the whole frame was handed; over HTTP the session is `token:` and
        the token's id. `epoch` selects one of the channel's histories, if it began again; by default any. The author
        of an edit gets an acknowledgement in its place and is not among the readers. Raises KeyError for a channel or
        an event that is not in this recording; an empty set means an event without readers.
        """
        must_be_text(epoch, "the name of an epoch")
        wanted = moments.version(offset, "an offset")
        if wanted < 1:
            raise ValueError("offsets begin with 1")
        must_be_in(self.index.channels, channel, "channel", "channels()")
        kinds = {
            number: header.kind
            for number in self.index.fanouts.get(channel, ())
            for header in [self.index.entry(number).header]
            if header.offset == wanted and epoch in ("", header.epoch)
        }
        live = {number for number, kind in kinds.items() if kind == "fanout"}
        readers = set()
        for session in self.index.attached.get(channel, ()):
            for number in delivery(self.index, session, channel, live, wanted, epoch):
                readers.add(self._reader(session, number))
        readers.update(self._readers_over_http(channel, wanted, epoch))
        if not kinds and not readers:
            what = f"event {wanted} of epoch {epoch!r}" if epoch else f"event {wanted}"
            raise KeyError(f"no {what} on {channel!r} in this recording; channels() has the last offset of each")
        return readers

    def _readers_over_http(self, channel: str, offset: int, epoch: str) -> Iterator[EntryReader]:
        for number in self.index.fanouts.get(channel, ()):
            header = self.index.entry(number).header
            read = header.detail.get("epoch", "")
            if header.kind == "http" and offset in span(header) and (not epoch or read in ("", epoch)):
                yield EntryReader(header.user, header.via, str(header.detail.get("clearance", "")))

    def cause(self, channel: str, offset: SupportsIndex, *, epoch: str = "") -> Entry:
        """Return the entry that caused an event.

        It is the frame of the sender, or the act of an HTTP call (its user, address and token). Raises KeyError where
        the event, or its cause, is not in this recording.
        """
        must_be_text(epoch, "the name of an epoch")
        must_be_in(self.index.channels, channel, "channel", "channels()")
        wanted = moments.version(offset, "an offset")
        published = [
            header
            for number in self.index.fanouts.get(channel, ())
            for header in [self.index.entry(number).header]
            if header.kind in ("fanout", "recovered") and header.offset == wanted and epoch in ("", header.epoch)
        ]
        for header in published:  # of several nodes the one that published it knows the cause
            found = self.index.by_seq(header.cause) if header.cause else None
            if found is not None:
                return self.index.entry(found)
        for header in published:
            origin = f"by {header.by} via {header.via}" if header.by else "by nobody that it names"
            raise KeyError(f"what caused event {offset} of {channel} is not in this recording: published {origin}")
        raise KeyError(f"no event {offset} of {channel} in this recording; events(channel=...) lists those that are")

    def explain(self, entry: Entry) -> Explained:
        """Explain why an entry was accepted or refused: its rule in a sentence, and the claims then in force.

        The journal keeps the rule and the claims, but not the settings; `level` is the channel's level at that time,
        where the entry has it. Raises TypeError for a value that is no entry.
        """
        if not isinstance(entry, Entry):
            raise TypeError(f"{entry!r:.64} is no entry: give one that entries() or cause() returned")
        header = entry.header
        claims = self._claims(header)
        return Explained(
            allowed=header.kind not in ("refused", "decided"),
            rule=header.rule,
            at=header.at,
            sentence=explain_rule(header.rule if header.kind in ("refused", "decided") else "", header.channel),
            user=header.user,
            channel=header.channel,
            level=header.level,
            clearance=str(claims.get("clearance", "")),
            permissions=tuple(sorted(map(str, given))) if isinstance(given := claims.get("permissions"), list) else (),
        )

    def _claims(self, header: Header) -> Detail:
        """Return the claims of the session's token when an entry was written; empty where its start is not recorded."""
        if header.session not in self.index.sessions:
            return {}
        claims: Detail = {}
        for number in self.index.sessions[header.session]:
            known = self.index.entry(number).header
            if known.seq > header.seq:
                break
            if known.kind in ("open", "renewed"):
                claims = known.detail
        return claims

    def _reader(self, session: str, number: int) -> EntryReader:
        rights = [*self.index.rare["open"], *self.index.rare["renewed"]]
        headers = (self.index.entry(place).header for place in sorted(rights, reverse=True) if place < number)
        header = next((header for header in headers if header.session == session), None)
        if header is None:  # its beginning is not in this recording
            return EntryReader(self.index.entry(self.index.sessions[session][0]).header.user, session, "")
        return EntryReader(header.user, session, str(header.detail["clearance"]))
