"""What a caller with less than the highest clearance sees of a journal: nothing of a channel above it, counts included.

Left out: every entry of such a channel, and what counts over all channels (`ops:` topics, publish calls over HTTP, the
rates of a user who spoke on such a channel). Made anew: numbers, so that none is missing; the places of frames that
gave way and the count of those that never left, so that a transcript still fits what is left of it. Taken out: commit
numbers, permissions and reasons that name such a channel, and frames that cannot be told to be harmless.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
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

_ENCODED = 8  # times that a text may be percent-encoded and still be looked at
_KEPT = 100_000  # frames that may wait for one connection, at most
_TYPE = re.compile(rb'\{"type":"([a-z_]+)"')
_HARMLESS = re.compile(r"ping|pong|auth_success|connection_state|token_expiring|rate_limit_(warning|exceeded)|error")
_LOGIN, _RATES = b'{"type":"auth_success"', b'{"type":"rate_limit_'
_ABOUT = re.compile(r"/v1/(commitments|briefs)/")  # their ids: the level of what was derived is in the header
NAMING_PATH: Final = re.compile(r"/v1/(channels|documents)/([^/]+)")
_NAMED = re.compile(rf"(?:{'|'.join(SHAPES)})(?::(?:{SEGMENT}|\*)){{1,3}}".encode())
_SAID: Final = ("reason", "query", "key")


def reach(clearance: str) -> Clearance:
    """Return the highest level that a clearance shows. Raises ValueError for a word that is none."""
    if clearance not in LEVELS:
        raise ValueError(f"{clearance!r} is no clearance; there are {', '.join(LEVELS)}")
    return Clearance.parse(clearance)


class ClearanceFilter:
    """The filter that keeps what is above a clearance out of a recording.

    Every entry goes through `see`, in order. `level_of` says the level of a channel now: what was raised since is
    hidden too. It is also asked for patterns of whole names, such as `dossier:country:*`.

    Raises ValueError for a clearance that is none.
    """

    def __init__(self, clearance: str, level_of: Callable[[str], str]) -> None:
        reach(clearance)  # refuses a word that is none
        self._reader = reader(Clearance.parse(clearance))
        self._level_of = level_of
        self._routing = Routing()
        self._hushed: set[str] = set()  # users who spoke where it is hidden: their rates count that too
        self._tails: dict[str, bytearray] = {}  # by connection, from its first hidden frame on: 1 is a visible one
        self._counted: set[str] = set()  # the sessions that have one, or had: most have none
        self._hidden_acts: set[int] = set()  # by seq: their outcomes are hidden with them
        self._seq = 0
        self._seen_seq = 0
        self._shown_seqs = array("Q")  # in rising order: the place of a seq is the number that is shown, less one

    def see(self, header: Header, body: bytes, *, selected: bool = True) -> tuple[Header, bytes] | None:
        """The entry as it may be seen (its body, in the journal's form, empty where it may not); None for nothing.

        `selected`: whether it was asked for; else nothing is shown of it, and the places of frames are counted without.
        """
        if header.kind == "checkpoint":
            return None  # its number counts all entries, and it vouches for links that are not shown
        seen = self._may(header) if header.channel or header.kind == "http" else self._may_tell(header, body)
        if not seen and header.kind in ("in", "refused", "http", "act"):
            self._hushed.add(header.user)
        seen = seen and selected
        if header.kind != "fanout" or self._tails or not seen:  # else nobody keeps count of it
            self._queued(header, seen)
        detail = self._detail(header)
        if not seen or detail is None:
            if header.kind == "act":
                self._hidden_acts.add(header.seq)
            return None
        if not header.channel and body:
            body = self._told(body, header)
        return msgspec.structs.replace(header, seq=0, commit=0, cause=self._cause(header), detail=detail), body

    def may_see(self, header: Header) -> bool:
        """Return whether an entry on a channel, or a call, is of nothing above the clearance."""
        if header.kind in ("act", "outcome") and not header.channel:
            return self._detail(header) is not None
        return bool(header.channel or header.kind == "http") and self._may(header)

    def _cause(self, header: Header) -> int:
        """Return the number under which the entry's cause was shown; 0 where it was not."""
        self._seen_seq = header.seq
        at = bisect_left(self._shown_seqs, header.cause) if header.cause else len(self._shown_seqs)
        return at + 1 if at < len(self._shown_seqs) and self._shown_seqs[at] == header.cause else 0

    def number(self, header: Header) -> Header:
        """The header of the entry that `see` returned last, under the next number."""
        self._seq += 1
        self._shown_seqs.append(self._seen_seq)
        return msgspec.structs.replace(header, seq=self._seq)

    @property
    def shown(self) -> int:
        """How many entries were numbered."""
        return self._seq

    def _queued(self, header: Header, seen: bool) -> None:
        sessions = self._routing.take(header)
        if header.kind == "open" and self._routing.connection(header.session) in self._tails:
            self._counted.add(header.session)  # hidden frames went to its connection before
        for session in self._counted.intersection(sessions) if seen else sessions:
            connection = self._routing.connection(session)
            tail = self._tails.get(connection)
            if tail is None:
                if seen:
                    continue
                tail = self._tails[connection] = bytearray()
                self._counted.add(session)
            count = header.detail.get("count") if header.kind == "replayed" else 1
            tail.extend([seen] * min(_KEPT, count if isinstance(count, int) else 1))
            if len(tail) > 2 * _KEPT:
                del tail[:_KEPT]

    def _may(self, header: Header) -> bool:
        if header.kind == "http":
            path = str(header.detail.get("path", ""))
            found = NAMING_PATH.match(path)
            if _ABOUT.match(path) is not None:
                return may_see(self._reader, Fact(level=Clearance.strict(header.level)), self._settings)
            if found is None:
                return path != "/v1/publish" and self._says_nothing_hidden(path)
            name = unquote(found[2])
            return self._reaches(name if found[1] == "channels" else channels.document(name), "")
        return self._reaches(header.channel, header.level)

    def _may_tell(self, header: Header, body: bytes) -> bool:
        """Whether an entry on no channel is about none that is hidden. A login is not, whatever it permits."""
        if header.user in self._hushed and body.startswith(_RATES):
            return False
        return body.startswith(_LOGIN) or self._discreet(body)

    def _reaches(self, channel: str, level: str) -> bool:
        namespace = channels.namespace(channel)
        if namespace not in SHAPES:
            return False  # what names no channel may still hold the name of one
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
                places = self._gave_way(self._routing.connection(header.session), header)
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
        """Return whether a text names nothing above the clearance, however often it was percent-encoded."""
        for _ in range(_ENCODED):
            plain = unquote(text)
            if plain == text:
                return self._discreet(text.encode("utf-8", "replace"))
            text = plain
        return False  # so nobody writes who has nothing to hide, and undoing it further costs ever more

    def _reasoned(self, detail: Detail) -> Detail:
        """The detail without what somebody said in it, a query too, where any of it names something hidden: the reason
        of a call is about what its query names."""
        said = {name: str(detail[name]) for name in _SAID if name in detail}
        return detail if all(map(self._says_nothing_hidden, said.values())) else {**detail, **dict.fromkeys(said, "")}

    def _discreet(self, text: bytes) -> bool:
        """Whether a text names nothing above the clearance, as far as it writes names as they are."""
        return all(self._nameable(found[0].rstrip(b".").decode()) for found in _NAMED.finditer(text))

    def _grantable(self, permission: str) -> bool:
        """Whether a permission names nothing above the clearance."""
        _, name = split_permission(permission)
        return name == "*" or self._nameable(name)

    def _nameable(self, name: str) -> bool:
        """Whether a name or a pattern is of nothing above the clearance; a last `*` stands for all the rest."""
        return self._reaches(channels.filled(name), "")

    def _told(self, body: bytes, header: Header) -> bytes:
        """A frame on no channel, where it is of a kind that names none; of a login the permissions that may be seen."""
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
        told = _encode(login | {"payload": payload})
        return told if self._discreet(told) else b""


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
    """How many of the `count` newest frames are visible; those from before the tail all are."""
    return sum(tail[-count:]) + max(0, count - len(tail)) if count else 0
