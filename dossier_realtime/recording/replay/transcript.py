"""The transcript of one client: every frame that it received and sent, derived from the order of the loop (entry.py).

A frame is *received* when all of it was handed to the kernel; a loss in the network after that is not known to the
service. Frames that still waited when the connection was lost, or were replaced by a later one, are not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from ..entry import Audience, Entry, Header
from ..index import Index
from ..names import must_be_text
from ..reading import entry_type

BEFORE: Final = "before the recording"
"""The type of a frame whose event was published before the recording begins."""


class Frame(NamedTuple):
    """One frame of a transcript, with its place in the recording. `at` is Unix seconds, `direction` the client's.

    `frame` is None where the journal does not hold it: tokens, redacted payloads. `rule` is the one that refused a sent
    frame; of a long or malformed one a CutFrame is kept. `type` is that of the message, or `unreadable`.
    """

    number: int
    seq: int
    at: float
    direction: Literal["received", "sent"]
    connection: str
    channel: str
    frame: bytes | None
    rule: str = ""
    type: str = ""
    offset: int = 0


class RecordedAttachment(NamedTuple):
    """The entries between which a session received the fan-outs of a node to a channel's audience."""

    channel: str
    audience: Audience
    start: int
    end: int
    node: str = ""


def transcript(index: Index, session: str) -> list[Frame]:
    """Return every frame of a session, over all its connections, in order.

    `session` may also be a connection that never had a session. Raises KeyError for one that is not in the recording.
    """
    must_be_text(session, "the name of a session")
    if session not in index.sessions:
        raise KeyError(f"no session {session!r} in this recording; sessions() lists them")
    own = {number: index.entry(number) for number in index.sessions[session]}
    user = next((entry.header.user for entry in own.values() if entry.header.user), "")
    for entry in list(own.values()):
        if entry.header.kind == "open":  # earlier frames of its connection belong to it
            before = index.sessions.get(_connection(entry.header), ())
            own |= {number: index.entry(number) for number in before}
    fanouts = dict(_fanouts(index, attachments(index, session), user))
    # A frame that waited for its line came behind an entry that it names, and before the next one.
    waited = {number: entry.header.after + 0.5 for number, entry in own.items() if entry.header.after}
    frames = _kept(index, session, sorted((own | fanouts).items()))
    return sorted(frames, key=lambda frame: (waited.get(frame.number, frame.seq), frame.number))


def delivery(index: Index, session: str, channel: str, fanouts: set[int], offset: int, epoch: str = "") -> list[int]:
    """Return the entries by which a session received an event.

    They are among `fanouts`, and the replayed entries that cover `offset` of the channel. It is cheap for a session
    whose queued frames were all sent: the transcript is then not needed.
    """
    wanted = set(fanouts)
    certain = True
    for number in index.sessions[session]:
        header = index.entry(number).header
        if header.channel == channel and _holds(header, offset, epoch):
            wanted.add(number)
        certain = certain and header.kind != "conflated" and not header.detail.get("unsent")
    if certain and not any(index.entry(number).header.exclude_connection for number in fanouts):
        user = index.entry(index.sessions[session][0]).header.user
        spans = [span for span in attachments(index, session) if (span.channel, span.audience) == (channel, "all")]
        return [
            number
            for number in wanted
            for header in [index.entry(number).header]
            if number not in fanouts
            or any(span.start < number < span.end and span.node == header.node for span in spans)
            if header.exclude_user != user
        ]
    frames = transcript(index, session)
    return [frame.number for frame in frames if frame.number in wanted and frame.offset == offset]


def _holds(header: Header, offset: int, epoch: str) -> bool:
    """Return True for an entry of one session that is, or covers, that event of its channel."""
    if header.kind == "out":  # of recordings that hold one for each; these do not know their epoch
        return not epoch and header.offset == offset
    return header.kind == "replayed" and epoch in ("", header.epoch) and offset in span(header)


def span(header: Header) -> range:
    """Return the offsets that a `replayed` entry covers."""
    first, last = header.detail.get("first"), header.detail.get("last")
    return range(first, last + 1) if isinstance(first, int) and isinstance(last, int) else range(0)


def _replayed(index: Index, number: int, header: Header, connection: str) -> Iterator[Frame]:
    """Yield the frames of a `replayed` entry.

    Of an event from before the recording's beginning the frame is None and the type is BEFORE.
    """
    for offset in span(header):
        found = index.published(header.channel, header.epoch, offset)
        entry = None if found is None else index.entry(found)
        type_ = BEFORE if entry is None else entry_type(entry)
        rest = (header.channel, None if entry is None else entry.frame, "", type_, offset)
        yield Frame(number, header.seq, header.at, "received", connection, *rest)


def attachments(index: Index, session: str) -> Iterator[RecordedAttachment]:
    """Yield the attachments of a session; the start of a node ends all that are to this node."""
    since: dict[tuple[str, Audience, str], int] = {}
    starts = [number for number in index.rare["start"] if number > index.sessions[session][0]]
    for number in sorted([*index.sessions[session], *starts]):
        header = index.entry(number).header
        place = (header.channel, header.audience, header.node)
        if header.kind == "attach":
            since.setdefault(place, number)
        elif header.kind == "detach" and place in since:
            yield _attachment(place, since.pop(place), number)
        elif (
            header.kind == "detach" and not header.channel
        ) or header.kind == "start":  # of everything: its connection ended
            ended = [place for place in since if place[2] == header.node]
            yield from (_attachment(place, since.pop(place), number) for place in ended)
    yield from (_attachment(place, start, len(index)) for place, start in since.items())


def _attachment(place: tuple[str, Audience, str], start: int, end: int) -> RecordedAttachment:
    channel, audience, node = place
    return RecordedAttachment(channel, audience, start, end, node)


def _fanouts(index: Index, attached: Iterator[RecordedAttachment], user: str) -> Iterator[tuple[int, Entry]]:
    for channel, audience, start, end, node in attached:
        for number in index.fanouts_between(channel, start, end):
            entry = index.entry(number)
            header = entry.header
            if (header.kind, header.node, header.audience) == (
                "fanout",
                node,
                audience,
            ) and header.exclude_user != user:
                yield number, entry


def _kept(index: Index, session: str, entries: list[tuple[int, Entry]]) -> Iterator[Frame]:
    """Yield the frames that the session sent, and the queued frames that were not taken back."""
    queued: defaultdict[str, list[Frame]] = defaultdict(list)
    connections: dict[str, str] = {}  # by node: a session that moves has two for a moment
    for number, entry in entries:
        header, frame, _ = entry
        name = connections.get(header.node, session) if header.session in ("", session) else header.session
        match header.kind:
            case "open":
                connections[header.node] = _connection(header)
            case "in" | "refused":
                yield Frame(
                    number, header.seq, header.at, "sent", name, header.channel, frame, header.rule, entry_type(entry)
                )
            case "out" | "fanout" if header.exclude_connection != name:
                rest = (header.channel, frame, "", entry_type(entry), header.offset)
                queued[name].append(Frame(number, header.seq, header.at, "received", name, *rest))
            case "replayed":
                queued[name] += _replayed(index, number, header, name)
            case "conflated":
                take_back(queued[name], header)
            case "close":
                take_back(queued[_connection(header)], header)
            case _:
                pass
    for frames in queued.values():
        yield from frames


def take_back(queued: list[Frame], header: Header) -> None:
    """Remove the frames that a `conflated` or `close` entry names as never sent."""
    if header.kind == "close":
        unsent = int(header.detail.get("unsent", 0))  # type: ignore[arg-type]  # a number, as the format says
        del queued[len(queued) - min(unsent, len(queued)) :]
        return
    newest = len(queued) - 1
    for place in map(int, str(header.detail["places"]).split()):
        del queued[newest - place]  # places are listed from the newest on: newer ones are removed already


def _connection(header: Header) -> str:
    return str(header.detail.get("connection", header.session))
