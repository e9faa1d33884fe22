"""The filter of a journal for less than the highest clearance: no trace of a channel above it, counts included.

Left out: every entry of such a channel, and entries that count over all channels (`ops:` topics, publish calls over
HTTP, the rates of a user who sent on such a channel). Renumbered: entries, so that none seems to be missing; the places
of frames that were replaced and the count of unsent ones, so that transcripts fit the remaining entries. Removed:
commit numbers, permissions and reasons that name such a channel, and frames that are not known to be harmless.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

import msgspec

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Fact, may_see, reader, split_permission
from dossier_realtime.protocol.channels import SHAPES
from dossier_realtime.protocol.classification import HIGHEST, LEVELS, ChannelSettings, Clearance
from dossier_realtime.protocol.fields import SEGMENT

from ..entry import Detail, Header
from .routing import Routing

_MAX_ENCODINGS = 8  # percent-encodings of a text that are undone
_MAX_QUEUED = 100_000  # frames that may wait for one connection
_TYPE = re.compile(rb'\{"type":"([a-z_]+)"')
_HARMLESS = re.compile(r"ping|pong|auth_success|connection_state|token_expiring|rate_limit_(warning|exceeded)|error")
_LOGIN, _RATES = b'{"type":"auth_success"', b'{"type":"rate_limit_'
_ABOUT = re.compile(r"/v1/(commitments|briefs)/")  # calls by id: the level of the derived fact is in the header
_NAMING_PATH: Final = re.compile(r"/v1/(channels|documents|relationships)/([^/]+)")
_OF_ID: Final = {"documents": channels.document, "relationships": channels.relationship}
_NAMED = re.compile(rf"(?:{'|'.join(SHAPES)})(?::(?:{SEGMENT}|\*)){{1,3}}".encode())
_SAID: Final = ("reason", "query", "key")


def reach(clearance: str) -> Clearance:
    """Return the highest level that a clearance shows. Raises ValueError for an unknown clearance."""
    if clearance not in LEVELS:
        raise ValueError(f"{clearance!r} is no clearance; there are {', '.join(LEVELS)}")
    return Clearance.parse(clearance)


def channel_of_path(path: str) -> str | None:
    """Return the channel that the path of an HTTP call is about: by its name, or by the id of what has it."""
    found = _NAMING_PATH.match(path)
    if found is None:
        return None
    name = unquote(found[2])
    return _OF_ID[found[1]](name) if found[1] in _OF_ID else name


class ClearanceFilter:
    """The filter that removes everything above a clearance from a recording.

    Every entry goes through `see`, in order. `level_of` returns the present level of a channel, so that a channel that
    was raised later is hidden too. It is also called with patterns of whole names, such as `dossier:country:*`.

    Raises ValueError for an unknown clearance.
    """

    def __init__(self, clearance: str, level_of: Callable[[str], str]) -> None:
        reach(clearance)  # raises for an unknown one
        self._reader = reader(Clearance.parse(clearance))
        self._level_of = level_of
        self._routing = Routing()
        self._hushed: set[str] = set()  # users who sent on a hidden channel: their rates count that too
        self._tails: dict[str, bytearray] = {}  # by connection, from its first hidden frame on; 1 is a visible frame
        self._counted: set[str] = set()  # the sessions that have or had a tail; most have none
        self._hidden_acts: set[int] = set()  # by seq: their outcomes are hidden with them
        self._seq = 0
        self._seen_seq = 0
        self._shown_seqs = array("Q")  # rising; the place of a seq is its shown number less one

    def see(self, header: Header, body: bytes, *, selected: bool = True) -> tuple[Header, bytes] | None:
        """Return the visible part of an entry; None where nothing is visible.

        The body is in the journal's form, and empty where it is hidden. An entry that is not `selected` is not shown,
        and the places of frames are counted without it.
        """
        if header.kind in ("checkpoint", "witnessed"):
            return None  # their seqs count all entries, and they prove links that are not shown
        seen = self._may(header) if header.channel or header.kind == "http" else self._may_tell(header, body)
        if not seen and header.kind in ("in", "refused", "http", "act"):
            self._hushed.add(header.user)
        seen = seen and selected
        if header.kind != "fanout" or self._tails or not seen:  # else no tail counts it
            self._queued(header, seen)
        detail = self._detail(header)
        if not seen or detail is None:
            if header.kind == "act":
                self._hidden_acts.add(header.seq)
            return None
        if not header.channel and body:
            body = self._visible_body(body, header)
        cause, after = self._cause(header), self._after(header)
        return msgspec.structs.replace(header, seq=0, commit=0, cause=cause, after=after, detail=detail), body

    def may_see(self, header: Header) -> bool:
        """Return True for an entry on a channel, or a call, that concerns nothing above the clearance."""
        if header.kind in ("act", "outcome") and not header.channel:
            return self._detail(header) is not None
        return bool(header.channel or header.kind == "http") and self._may(header)

    def _cause(self, header: Header) -> int:
        """Return the number under which the entry's cause was shown; 0 where it was not."""
        self._seen_seq = header.seq
        at = bisect_left(self._shown_seqs, header.cause) if header.cause else len(self._shown_seqs)
        return at + 1 if at < len(self._shown_seqs) and self._shown_seqs[at] == header.cause else 0

    def _after(self, header: Header) -> int:
        """Return the number of the last entry shown that the frame came after; 0 where it names none."""
        return bisect_right(self._shown_seqs, header.after) if header.after else 0

    def number(self, header: Header) -> Header:
        """Return the header of the entry that `see` returned last, under the next number."""
        self._seq += 1
        self._shown_seqs.append(self._seen_seq)
        return msgspec.structs.replace(header, seq=self._seq)

    @property
    def shown(self) -> int:
        """The number of entries shown so far."""
        return self._seq

    def _queued(self, header: Header, seen: bool) -> None:
        sessions = self._routing.take(header)
        if header.kind == "open" and self._routing.connection(header.session, header.node) in self._tails:
            self._counted.add(header.session)  # hidden frames went to its connection before
        for session in self._counted.intersection(sessions) if seen else sessions:
            connection = self._routing.connection(session, header.node)
            tail = self._tails.get(connection)
            if tail is None:
                if seen:
                    continue
                tail = self._tails[connection] = bytearray()
                self._counted.add(session)
            count = header.detail.get("count") if header.kind == "replayed" else 1
            tail.extend([seen] * min(_MAX_QUEUED, count if isinstance(count, int) else 1))
            if len(tail) > 2 * _MAX_QUEUED:
                del tail[:_MAX_QUEUED]

    def _may(self, header: Header) -> bool:
        if header.kind == "http":
            path = str(header.detail.get("path", ""))
            name = channel_of_path(path)
            if _ABOUT.match(path) is not None:
                return may_see(self._reader, Fact(level=Clearance.strict(header.level)), self._settings)
            if name is None:
                return path != "/v1/publish" and self._says_nothing_hidden(path)
            return self._reaches(name, "")
        return self._reaches(header.channel, header.level)

    def _may_tell(self, header: Header, body: bytes) -> bool:
        """Return True for an entry on no channel that concerns no hidden one; a login never does."""
        if header.user in self._hushed and body.startswith(_RATES):
            return False
        return body.startswith(_LOGIN) or self._discreet(body)

    def _reaches(self, channel: str, level: str) -> bool:
        namespace = channels.namespace(channel)
        if namespace not in SHAPES:
            return False  # text that is no channel name may still contain one
        then = Clearance.strict(level) if level else Clearance.PUBLIC
        return may_see(self._reader, Fact((channel,), then), self._settings)

    def _settings(self, channel: str) -> ChannelSettings:
        ops = channels.namespace(channel) == "ops"
        level = Clearance.SECRET if ops else Clearance.strict(self._level_of(channel))
        return ChannelSettings(level, presence=False, history=False)

    def _detail(self, header: Header) -> Detail | None:
        match header.kind:
            case "open" | "renewed":
                given = header.detail.get("permissions")
                permissions = given if isinstance(given, list) else []
                return {**header.detail, "permissions": [text for text in permissions if self._grantable(text)]}
            case "conflated":
                places = self._gave_way(self._routing.connection(header.session, header.node), header)
                return {"places": places} if places else None
            case "close":
                tail = self._tails.pop(str(header.detail.get("connection", "")), bytearray())
                unsent = header.detail.get("unsent", 0)
                return self._reasoned(
                    {**header.detail, "unsent": _visible(tail, unsent if isinstance(unsent, int) else 0)}
                )
            case "http":
                return self._reasoned(header.detail)
            case "act":
                return header.detail if self._names_nothing_hidden(header.detail) else None
            case "outcome":
                return None if header.cause in self._hidden_acts else header.detail
            case _:
                return header.detail

    def _gave_way(self, connection: str, header: Header) -> str:
        tail = self._tails.get(connection, bytearray())
        length = len(tail)
        places = [int(place) for place in str(header.detail.get("places", "")).split()]
        shown = [str(_visible(tail, place)) for place in places if place >= length or tail[length - 1 - place]]
        for place in places:
            if place < length:
                del tail[length - 1 - place]  # from the newest on
        return " ".join(shown)

    def _names_nothing_hidden(self, detail: Detail) -> bool:
        texts = (text for value in detail.values() for text in (value if isinstance(value, list) else [str(value)]))
        return all(map(self._says_nothing_hidden, texts))

    def _says_nothing_hidden(self, text: str) -> bool:
        """Return True for a text that names nothing above the clearance, also after repeated percent-encoding."""
        for _ in range(_MAX_ENCODINGS):
            plain = unquote(text)
            if plain == text:
                return self._discreet(text.encode("utf-8", "replace"))
            text = plain
        return False  # no honest client encodes so often, and each further round costs more

    def _reasoned(self, detail: Detail) -> Detail:
        """Return the detail; without its free texts where any of them names something hidden.

        All are removed together: the reason of a call is about the names in its query.
        """
        said = {name: str(detail[name]) for name in _SAID if name in detail}
        return detail if all(map(self._says_nothing_hidden, said.values())) else {**detail, **dict.fromkeys(said, "")}

    def _discreet(self, text: bytes) -> bool:
        """Return True for a text without an encoded name that names nothing above the clearance."""
        return all(self._nameable(found[0].rstrip(b".").decode()) for found in _NAMED.finditer(text))

    def _grantable(self, permission: str) -> bool:
        """Return True for a permission that names nothing above the clearance."""
        _, name = split_permission(permission)
        return name == "*" or self._nameable(name)

    def _nameable(self, name: str) -> bool:
        """Return True for a name or pattern of nothing above the clearance; a last `*` stands for all the rest."""
        return self._reaches(channels.filled(name), "")

    def _visible_body(self, body: bytes, header: Header) -> bytes:
        """Return the visible body of a frame on no channel: of a harmless type, or a login with visible permissions."""
        found = _TYPE.match(body)
        name = header.type or (found[1].decode() if found else "")
        if found is None or _HARMLESS.fullmatch(name) is None or header.rule == "format":
            return b""
        if not body.startswith(_LOGIN):
            return body
        try:
            login = _objects.decode(body)
            payload = _objects.decode(login["payload"])
            permissions = _texts.decode(payload["permissions"])
        except (ValueError, KeyError):
            return b""
        payload["permissions"] = msgspec.Raw(_encode([text for text in permissions if self._grantable(text)]))
        visible = _encode(login | {"payload": payload})
        return visible if self._discreet(visible) else b""


class SelectionFilter(ClearanceFilter):
    """A filter that hides nothing: entries that were not selected are left out and counted, as ClearanceFilter does."""

    def __init__(self) -> None:
        super().__init__(HIGHEST, lambda _: HIGHEST)

    def _may(self, header: Header) -> bool:
        return True

    def _may_tell(self, header: Header, body: bytes) -> bool:
        return True

    def _discreet(self, text: bytes) -> bool:
        return True

    def _says_nothing_hidden(self, text: str) -> bool:
        return True

    def _grantable(self, permission: str) -> bool:
        return True

    def _names_nothing_hidden(self, detail: Detail) -> bool:
        return True


_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts = msgspec.json.Decoder(list[str])
_encode = msgspec.json.Encoder().encode


def _visible(tail: bytearray, count: int) -> int:
    """Return the number of visible frames among the `count` newest; all frames from before the tail are visible."""
    return sum(tail[-count:]) + max(0, count - len(tail)) if count else 0
