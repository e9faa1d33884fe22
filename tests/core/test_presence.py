"""Who is on which channel: the rules one by one, then snapshot + changes = truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

from app.core.presence import Member, PresenceEvent, Presences
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate

A, B = "dossier:country:SA", "document:42"
GRACE = 5.0


def member(connection: str, user: str = "u1", *, hidden: bool = False) -> Member:
    return Member(connection, user, f"Name of {user}", "editor", "https://example.org/a.png", hidden)


def users(presences: Presences, channel: str = A, cap: int = 1000) -> list[str]:
    return [user.user_id for user in presences.roster(channel, cap).users]


def test_the_first_connection_is_a_join_and_the_last_a_leave() -> None:
    presences = Presences(GRACE)
    (join,) = presences.enter(A, member("c1"))
    assert isinstance(join, PresenceJoin)
    assert join.channel == A
    assert join.payload.name == "Name of u1"
    assert (join.payload.status, join.payload.activity) == ("online", "viewing")
    assert presences.enter(A, member("c2")) == []
    assert presences.enter(A, member("c2")) == []
    assert presences.roster(A, 10).count == 1
    assert presences.leave(A, "c1") == []
    (leave,) = presences.leave(A, "c2")
    assert isinstance(leave, PresenceLeave)
    assert presences.leave(A, "c2") == []
    assert presences.counts() == {}


def test_a_lost_connection_is_told_of_when_the_grace_is_over_on_each_of_its_channels() -> None:
    presences = Presences(GRACE)
    for channel in (A, B):
        presences.enter(channel, member("c1"))
    presences.lost("c1", 100.0)
    assert presences.deadline == 105.0
    assert presences.tick(104.9) == []
    assert users(presences) == ["u1"]
    told = presences.tick(105.0)
    assert [type(event) for event in told] == [PresenceLeave, PresenceLeave]
    assert {event.channel for event in told} == {A, B}
    assert presences.deadline is None


def test_a_return_within_the_grace_is_silent_and_keeps_what_the_user_did() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.update(A, "u1", PresenceChange(status="busy", activity="editing", field="title"))
    presences.lost("c1", 100.0)
    assert presences.enter(A, member("c2")) == []
    assert presences.tick(200.0) == []
    (user,) = presences.roster(A, 10).users
    assert (user.status, user.activity, user.field) == ("busy", "editing", "title")
    assert len(presences.leave(A, "c2")) == 1  # of its own will: at once


def test_a_user_who_comes_anew_starts_anew() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.update(A, "u1", PresenceChange(status="busy", activity="editing", field="title"))
    presences.leave(A, "c1")
    presences.enter(A, member("c1"))
    (user,) = presences.roster(A, 10).users
    assert (user.status, user.activity, user.field) == ("online", "viewing", None)


def test_a_user_whose_other_connection_was_just_lost_is_still_waited_for() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.enter(A, member("c2"))
    presences.lost("c1", 100.0)
    assert presences.leave(A, "c2") == []
    assert len(presences.tick(105.0)) == 1


def test_an_update_carries_the_whole_state_and_changes_no_roster_given_before() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    before = presences.roster(A, 10)
    presences.update(A, "u1", PresenceChange(activity="editing", field="title"))
    (update,) = presences.update(A, "u1", PresenceChange(field=None))
    assert isinstance(update, PresenceUpdate)
    assert (update.payload.status, update.payload.activity, update.payload.field) == (
        "online",
        "editing",
        None,
    )
    assert before.users[0].activity == "viewing"


def test_the_hidden_are_seen_only_by_a_visible_connection_of_theirs() -> None:
    presences = Presences(GRACE)
    assert presences.enter(A, member("c1", hidden=True)) == []
    assert presences.update(A, "u1", PresenceChange(status="busy")) == []
    assert presences.counts() == {}
    (join,) = presences.enter(A, member("c2"))
    assert isinstance(join, PresenceJoin)
    assert join.payload.status == "online"
    presences.enter(A, member("c3", hidden=True))
    assert users(presences) == ["u1"]
    (leave,) = presences.leave(A, "c2")
    assert isinstance(leave, PresenceLeave)
    presences.lost("c1", 1.0)
    assert presences.tick(100.0) == []


def test_who_enters_again_as_hidden_is_gone_for_others() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    assert [type(event) for event in presences.enter(A, member("c1", hidden=True))] == [PresenceLeave]
    assert [type(event) for event in presences.enter(A, member("c1"))] == [PresenceJoin]


def test_a_list_is_cut_at_the_cap_but_not_its_count_nor_oneself() -> None:
    presences = Presences(GRACE)
    for n in range(5):
        presences.enter(A, member(f"c{n}", f"u{n}"))
    cut = presences.roster(A, 3)
    assert (cut.count, cut.truncated, users(presences, cap=3)) == (5, True, ["u0", "u1", "u2"])
    own = presences.roster(A, 3, including="u4")
    assert [user.user_id for user in own.users] == ["u0", "u1", "u4"]
    assert [user.user_id for user in presences.roster(A, 3, including="u1").users] == ["u0", "u1", "u2"]
    assert presences.roster(A, 5, including="u4").truncated is False


# The model: everything that ever happened, and the rules read off it anew each time.

CONNECTIONS = {f"c{n}": f"u{n % 2}" for n in range(4)}  # few, so that they meet

channels = st.sampled_from([A, B])
connections = st.sampled_from(sorted(CONNECTIONS))


@dataclass
class Past:
    """What each connection did last on a channel, and when the user last entered it visibly."""

    fate: dict[tuple[str, str], tuple[str, float, int]] = field(default_factory=dict)
    entered: dict[tuple[str, str], int] = field(default_factory=dict)
    count: int = 0

    def note(self, channel: str, connection: str, fate: str, now: float) -> None:
        self.count += 1
        before = self.fate.get((channel, connection), ("gone", 0.0, 0))[0]
        if fate == "here":
            self.entered[channel, CONNECTIONS[connection]] = self.count
        elif before != "here":
            return  # who is not there can neither leave nor be lost
        self.fate[channel, connection] = (fate, now, self.count)

    def there(self, channel: str, now: float) -> set[str]:
        """Users with an open connection, or one lost within the grace since they last entered."""
        found = set()
        for (place, connection), (fate, at, count) in self.fate.items():
            user = CONNECTIONS[connection]
            waited_for = fate == "lost" and now < at + GRACE and count > self.entered[place, user]
            if place == channel and (fate == "here" or waited_for):
                found.add(user)
        return found


class Watcher:
    """A client: a snapshot and the changes after it."""

    def __init__(self, presences: Presences, channel: str) -> None:
        self.channel = channel
        self.seen: dict[str, tuple[object, object, object]] = {
            user.user_id: (user.status, user.activity, user.field) for user in presences.roster(channel, 100).users
        }

    def hear(self, event: PresenceEvent) -> None:
        if event.channel != self.channel:
            return
        user = event.payload.user_id
        if isinstance(event, PresenceJoin):
            assert user not in self.seen
            self.seen[user] = (event.payload.status, event.payload.activity, None)
        elif isinstance(event, PresenceLeave):
            del self.seen[user]  # never of one who was not there
        else:
            assert user in self.seen
            self.seen[user] = (event.payload.status, event.payload.activity, event.payload.field)


class SnapshotAndChanges(RuleBasedStateMachine):
    """Whatever happens, who looked once and listened since knows what who looks now is told."""

    def __init__(self) -> None:
        super().__init__()
        self.presences, self.past, self.now = Presences(GRACE), Past(), 0.0
        self.watchers = [Watcher(self.presences, channel) for channel in (A, B)]

    def tell(self, events: list[PresenceEvent]) -> None:
        for event in events:
            for watcher in self.watchers:
                watcher.hear(event)

    @rule(channel=channels, connection=connections, hidden=st.sampled_from([False, False, True]))
    def enter(self, channel: str, connection: str, *, hidden: bool) -> None:
        self.tell(self.presences.enter(channel, member(connection, CONNECTIONS[connection], hidden=hidden)))
        self.past.note(channel, connection, "gone" if hidden else "here", self.now)

    @rule(channel=channels, connection=connections)
    def leave(self, channel: str, connection: str) -> None:
        self.tell(self.presences.leave(channel, connection))
        self.past.note(channel, connection, "gone", self.now)

    @rule(connection=connections)
    def lose(self, connection: str) -> None:
        self.presences.lost(connection, self.now)
        for channel in (A, B):
            self.past.note(channel, connection, "lost", self.now)

    @rule(
        channel=channels,
        user=st.sampled_from(sorted(set(CONNECTIONS.values()))),
        change=st.builds(
            PresenceChange,
            status=st.sampled_from(["online", "away", "busy", UNSET]),
            activity=st.sampled_from(["viewing", "editing", UNSET]),
            field=st.sampled_from(["title", None, UNSET]),
        ),
    )
    def update(self, channel: str, user: str, change: PresenceChange) -> None:
        told = self.presences.update(channel, user, change)
        assert bool(told) is (user in self.past.there(channel, self.now))
        self.tell(told)

    @rule(seconds=st.sampled_from([0.0, 0.5, 2.0, 4.5, 5.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.tell(self.presences.tick(self.now))

    @rule(channel=channels)
    def begin_to_watch(self, channel: str) -> None:
        self.watchers.append(Watcher(self.presences, channel))

    @invariant()
    def everybody_knows_the_truth(self) -> None:
        for channel in (A, B):
            roster = self.presences.roster(channel, 100)
            assert {user.user_id for user in roster.users} == self.past.there(channel, self.now)
            assert roster.count == len(roster.users) == self.presences.counts().get(channel, 0)
        for watcher in self.watchers:
            assert watcher.seen == Watcher(self.presences, watcher.channel).seen

    def teardown(self) -> None:
        for connection in CONNECTIONS:
            self.presences.lost(connection, self.now)
        self.presences.tick(self.now + GRACE)
        assert self.presences.counts() == {}
        assert self.presences.deadline is None
        assert self.presences._places == {}  # nothing is left behind


TestSnapshotAndChanges = SnapshotAndChanges.TestCase
TestSnapshotAndChanges.settings = settings(max_examples=500, stateful_step_count=40)


@given(st.lists(st.floats(0, 10), max_size=20))
def test_deadlines_come_in_order(waits: list[float]) -> None:
    presences, now, deadlines = Presences(GRACE), 0.0, []
    for n, wait in enumerate(waits):
        now += wait
        presences.enter(A, member(f"c{n}", f"u{n}"))
        presences.lost(f"c{n}", now)
    while (deadline := presences.deadline) is not None:
        deadlines.append(deadline)
        presences.tick(deadline)
    assert all(first < second for first, second in pairwise(deadlines))
    assert presences.counts() == {}
