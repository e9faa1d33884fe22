"""A user's record on a channel: the same steps give the same roster and the same events as the rules of one process."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, json

from app.core import presence_record as record
from app.core.presence import Member, PresenceEvent, Presences, Profile
from app.core.presence_record import PresenceRecord, told
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.protocol.responses import PresentUser

CHANNEL, GRACE, HOME = "dossier:country:SA", 5.0, "home"

connections = st.sampled_from(["c0", "c1", "c2"])
names = st.sampled_from(["Amal", "Amal B."])
tokens = st.integers(0, 3).map(float)
changes = st.builds(
    PresenceChange,
    status=st.sampled_from([UNSET, "online", "busy"]),
    activity=st.sampled_from([UNSET, "viewing", "editing"]),
    field=st.sampled_from([UNSET, None, "title"]),
)
steps = st.one_of(
    st.tuples(st.just("enter"), connections, names, tokens),
    st.tuples(st.just("leave"), connections),
    st.tuples(st.just("lost"), connections),
    st.tuples(st.just("gone")),
    st.tuples(st.just("update"), connections, changes),
    st.tuples(st.just("renew"), connections, names, tokens),
)


@dataclass
class Both:
    """One user by the rules of one process, and as a record. `now`: steady seconds."""

    presences: Presences = field(default_factory=lambda: Presences(GRACE))
    record: PresenceRecord | None = None
    now: float = 0.0

    def is_open(self, connection: str) -> bool:
        place = None if self.record is None else self.record.places.get(connection)
        return place is not None and not place.is_ghost

    def step(self, kind: str, *rest: object) -> tuple[list[PresenceEvent], list[PresenceEvent]]:
        before = self.record
        expected = self._both(kind, *rest)
        always = kind == "update" and self.record is not before
        return expected, told(CHANNEL, before, self.record, always=always)

    def _both(self, kind: str, *rest: object) -> list[PresenceEvent]:
        match kind, rest:
            case "enter", (str() as connection, str() as name, float() as token):
                member = Member(connection, "u1", Profile(name, "editor", None, (token, 0.0)), hidden=False)
                self.record = record.entered(self.record, member, HOME)
                return self.presences.enter(CHANNEL, member)
            case "leave", (str() as connection,) if self.is_open(connection):
                self.record = record.left(self.record, connection)
                return self.presences.leave(CHANNEL, connection)
            case "lost", (str() as connection,) if self.is_open(connection):
                self.record = record.lost(self.record, connection)
                return self.presences.lost(connection, self.now)
            case "update", (str() as connection, PresenceChange() as change):
                self.record = record.updated(self.record, connection, change)
                return self.presences.update(CHANNEL, connection, change)
            case "renew", (str() as connection, str() as name, float() as token) if self.is_open(connection):
                assert self.record is not None
                profile = Profile(name, "editor", None, (token, 0.0))
                self.record = record.described(self.record, profile)
                return self.presences.renew(connection, profile)
            case "gone", ():
                self.now += GRACE
                ghosts = [] if self.record is None else [c for c, one in self.record.places.items() if one.is_ghost]
                for connection in ghosts:
                    self.record = record.gone(self.record, connection)
                return self.presences.tick(self.now)
            case _:
                return []


class Watcher:
    """A client that applies events to a roster of one user."""

    def __init__(self) -> None:
        self.user: PresentUser | None = None

    def apply(self, events: list[PresenceEvent]) -> None:
        for event in events:
            said = event.payload
            match event:
                case PresenceLeave():
                    assert self.user is not None
                    self.user = None
                case PresenceJoin():
                    assert self.user is None
                    self.user = PresentUser(
                        user_id=event.payload.user_id,
                        name=event.payload.name,
                        role=event.payload.role,
                        avatar=event.payload.avatar,
                        status=event.payload.status,
                        activity=event.payload.activity,
                    )
                case PresenceUpdate():
                    assert self.user is not None
                    for name in ("status", "activity", "field", "name", "role", "avatar"):
                        value = getattr(said, name)
                        if value is not UNSET:
                            setattr(self.user, name, value)


@given(st.lists(steps, max_size=30))
def test_a_record_shows_a_user_as_the_rules_of_one_process_do(run: list[tuple[object, ...]]) -> None:
    both, watcher = Both(), Watcher()
    for kind, *rest in run:
        expected, events = both.step(str(kind), *rest)
        # A description and a state that change in one step are one event here, and two there.
        assert bool(events) == bool(expected)
        watcher.apply(events)
        roster = both.presences.roster(CHANNEL, 10)
        shown = None if both.record is None else both.record.user
        assert ([] if shown is None else [shown]) == roster.users
        assert watcher.user == shown


@given(st.lists(steps, max_size=30), st.data())
def test_who_missed_records_is_told_the_difference(run: list[tuple[object, ...]], data: st.DataObject) -> None:
    both, watcher, seen = Both(), Watcher(), None
    for kind, *rest in run:
        both.step(str(kind), *rest)
        if data.draw(st.booleans()):
            watcher.apply(told(CHANNEL, seen, both.record))
            seen = both.record
            assert watcher.user == (None if seen is None else seen.user)


@given(st.lists(steps, max_size=30))
def test_a_record_is_the_same_once_it_was_stored(run: list[tuple[object, ...]]) -> None:
    both = Both()
    for kind, *rest in run:
        both.step(str(kind), *rest)
        if both.record is not None:
            stored = json.encode(both.record)
            assert json.decode(stored, type=PresenceRecord) == both.record
            assert json.encode(json.decode(stored, type=PresenceRecord)) == stored


@pytest.mark.parametrize(("home", "stays"), [("dead", False), ("living", True)])
def test_only_the_places_of_a_dead_home_are_swept(home: str, *, stays: bool) -> None:
    member = Member("c0", "u1", Profile("Amal", "editor", None), hidden=False)
    there = record.entered(record.entered(None, member, "dead"), member, home)
    assert (record.swept(there, "c0", "dead") is not None) is stays
