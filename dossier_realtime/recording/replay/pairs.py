"""The pairs of documents and their counterparts at any time, with the clauses that were marked: a fold over acts.

An act holds from its outcome on. Where that is not known, as after a crash, so is what the act would have changed.
"""

from __future__ import annotations

from collections import defaultdict
from math import inf
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from dossier_realtime.protocol import channels
from dossier_realtime.rich_text.clauses import clauses
from dossier_realtime.rich_text.known_clauses import KnownMarks
from dossier_realtime.rich_text.pairing import TranslationMark, marked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..entry import Detail, Header
    from .documents import DocumentHistory

KINDS: Final = ("act", "outcome", "start", "gap", "restored")
"""The kinds of entries that the fold takes; it passes over others."""

_VERBS = frozenset({"pair_documents", "part_documents", "mark_translated", "delete_document"})


class Marking(NamedTuple):
    """A call that marked clauses.

    `found`: the number of marks that it found, -1 where the entry does not say. `keys`: None for all that both texts
    had. `versions`: by channel, as far as the entry says.
    """

    at: float
    user_id: str
    found: int
    keys: tuple[str, ...] | None
    versions: dict[str, int]


class PairChange(NamedTuple):
    """A change of a pair: `made` has no marks yet, `found` is there already, `lost` has marks that are not known."""

    at: float
    what: Literal["made", "found", "parted", "lost"] | Marking


class PairNames(NamedTuple):
    """The channels of the two documents of a pair."""

    first: str
    second: str


class _Act(NamedTuple):
    verb: str
    names: tuple[str, ...]
    detail: Detail
    node: str


class RecordedPairs:
    """The pairs of a recording, with their changes in order."""

    def __init__(self) -> None:
        self._changes: dict[PairNames, list[PairChange]] = {}
        self._acts: dict[int, _Act] = {}  # by seq, until their outcome

    def __iter__(self) -> Iterator[PairNames]:
        """Yield the pairs, in the order in which the recording names them first."""
        return iter(self._changes)

    def changes(self, names: PairNames) -> Sequence[PairChange]:
        """Return the changes of a pair."""
        return self._changes.get(names, ())

    def names(self, one: str, other: str) -> PairNames:
        """Return the names of two documents as the recording has them in a pair, or as given."""
        return PairNames(other, one) if (other, one) in self._changes else PairNames(one, other)

    def take(self, header: Header, at: float) -> None:
        """Take the next entry, and its time (Unix seconds)."""
        match header.kind:
            case "act":
                act = _act_of(header)
                if act is not None:
                    self._acts[header.seq] = act
            case "outcome" if header.cause in self._acts:
                self._end(self._acts.pop(header.cause), header.detail, at)
            case "start" | "gap":
                # What a node was about to do when it crashed, or whose outcome was lost, may be done or not.
                for seq in [seq for seq, act in self._acts.items() if act.node == header.node]:
                    self._lose(self._acts.pop(seq), at)
            case "restored":
                for changes in self._changes.values():
                    changes.append(PairChange(at, "lost"))
            case _:
                pass

    def _end(self, act: _Act, detail: Detail, at: float) -> None:
        outcome, status = detail.get("outcome"), detail.get("status")
        if outcome == "failed":
            if not (isinstance(status, int) and 400 <= status < 500):  # else it was refused
                self._lose(act, at)
            return
        if act.verb == "delete_document":
            for names, changes in self._changes.items():
                if act.names[0] in names and not _is_parted(changes):
                    changes.append(PairChange(at, "parted"))
            return
        before = _object(act.detail.get("before"))
        names = self.names(*act.names)
        known = self._changes.get(names)
        if act.verb == "pair_documents" and outcome == "done" and before.get("paired") is False:
            self._changes.setdefault(names, []).append(PairChange(at, "made"))
            return
        if act.verb != "pair_documents" and outcome != "done":
            return
        changes = self._changes.setdefault(names, [])
        if known is None or _is_parted(changes):
            changes.append(PairChange(at if known else -inf, "found"))
        if act.verb == "part_documents":
            changes.append(PairChange(at, "parted"))
        elif act.verb == "mark_translated":
            changes.append(PairChange(at, _marking(act, before, at)))

    def _lose(self, act: _Act, at: float) -> None:
        for names, changes in self._changes.items():
            if set(act.names) <= set(names):
                changes.append(PairChange(at, "lost"))


class PairReplay:
    """A pair as time goes on, with the marks as its texts in the recording give them."""

    def __init__(self, pairs: RecordedPairs, names: PairNames, first: DocumentHistory, second: DocumentHistory) -> None:
        self._changes = pairs.changes(names)
        self._names, self._texts = names, (first, second)
        self._taken = 0
        self._marks: list[TranslationMark] = []
        self._are_all = False
        self.is_paired = False
        """True while the recording knows that the documents are a pair."""

    def until(self, moment: float) -> KnownMarks | None:
        """Return the marks at a time (Unix seconds), which may not go back; None where the texts are not known then."""
        while self._taken < len(self._changes) and self._changes[self._taken].at <= moment:
            self._take(self._changes[self._taken])
            self._taken += 1
        if not all(text.is_known(moment) for text in self._texts):
            return None
        return KnownMarks(tuple(self._marks), self._are_all)

    def _take(self, change: PairChange) -> None:
        if isinstance(change.what, Marking):
            self._mark(change.what)
            return
        self._marks = []
        self._are_all = change.what in ("made", "parted")  # its marks went with it
        self.is_paired = change.what in ("made", "found") or (change.what == "lost" and self.is_paired)

    def _mark(self, marking: Marking) -> None:
        if marking.found == len(self._marks):
            self._are_all = True
        new = self._new(marking)
        if new is not None:
            self._marks = marked(self._marks, new)
            return
        self._are_all = False
        keys = marking.keys
        self._marks = [] if keys is None else [mark for mark in self._marks if mark.key not in keys]

    def _new(self, marking: Marking) -> list[TranslationMark] | None:
        """Return the marks that a call made; None where the recording does not hold the texts that it marked."""
        sides = []
        for name, text in zip(self._names, self._texts, strict=True):
            version = marking.versions.get(name, -1)
            if not text.first <= version <= text.last or marking.at >= text.ends:
                return None
            sides.append({clause.key: clause.digest for clause in clauses(text.document_at(version))})
        first, second = sides
        versions = marking.versions[self._names.first], marking.versions[self._names.second]
        keys = [key for key in first if key in second] if marking.keys is None else marking.keys
        if not all(key in first and key in second for key in keys):
            return None
        user, at = marking.user_id, int(marking.at)
        return [TranslationMark(key, (first[key], second[key]), versions, user, at) for key in keys]


def _act_of(header: Header) -> _Act | None:
    verb, named = str(header.detail.get("verb", "")), header.detail.get("channels")
    if verb not in _VERBS:
        return None
    if verb == "delete_document":
        return _Act(verb, (header.channel,), header.detail, header.node)
    if not isinstance(named, list) or len(named) != 2 or not all(channels.is_in(name, "document") for name in named):
        return None  # an export for one document alone names no other
    return _Act(verb, tuple(named), header.detail | {"user": header.user}, header.node)


def _marking(act: _Act, before: dict[str, object], at: float) -> Marking:
    found, versions = before.get("marked"), defaultdict[str, int](lambda: -1)
    told = act.detail.get("versions")
    for text in told if isinstance(told, list) else ():
        name, _, version = text.rpartition(" ")
        versions[name] = int(version) if version.isdecimal() else -1
    items, after = act.detail.get("items"), _object(act.detail.get("after"))
    keys = tuple(map(_text, items)) if isinstance(items, list) else None
    if keys is None and after.get("clauses") != "all":
        versions.clear()  # an older entry, or one that was cut: which clauses it means is not known
    return Marking(at, str(act.detail["user"]), found if isinstance(found, int) else -1, keys, dict(versions))


def _is_parted(changes: Sequence[PairChange]) -> bool:
    return next((change.what for change in reversed(changes) if change.what != "lost"), "") == "parted"


def _object(told: object) -> dict[str, object]:
    """Return facts of an act; without any where they were cut."""
    try:
        return _facts.decode(str(told))
    except msgspec.MsgspecError:
        return {}


def _text(item: str) -> str:
    try:
        return _items.decode(item)
    except msgspec.MsgspecError:
        return ""


_facts = msgspec.json.Decoder(dict[str, object])
_items = msgspec.json.Decoder(str)
