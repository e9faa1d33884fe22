"""Who is on which channel: the rules one by one, then snapshot + changes = truth."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

from app.core.presence import Member, PresenceEvent, Presences, Profile
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate

A, B = "dossier:country:SA", "document:42"
GRACE = 5.0


def profile(user: str = "u1", token: float = 0.0, name: str = "") -> Profile:
    return Profile(name or f"Name of {user}", "editor", "https://example.org/a.png", (token, 0.0))


def member(connection: str, user: str = "u1", *, hidden: bool = False, described: Profile | None = None) -> Member:
    return Member(connection, user, described or profile(user), hidden)


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


def shown(presences: Presences, channel: str = A) -> tuple[str, str, str | None]:
    (user,) = presences.roster(channel, 10).users
    return user.status, user.activity, user.field


VIEWING = ("online", "viewing", None)
EDITING = ("busy", "editing", "title")
TO_EDIT = PresenceChange(status="busy", activity="editing", field="title")


def test_a_return_within_the_grace_is_neither_join_nor_leave_and_begins_anew() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.update(A, "c1", TO_EDIT)
    assert presences.lost("c1", 100.0) == []
    assert shown(presences) == EDITING  # as long as nobody knows better
    (update,) = presences.enter(A, member("c2"))
    assert isinstance(update, PresenceUpdate)
    assert presences.tick(200.0) == []
    assert shown(presences) == VIEWING
    assert len(presences.leave(A, "c2")) == 1  # of its own will: at once


@pytest.mark.parametrize("how", ["leave", "lose", "hide"])
def test_a_user_is_shown_as_the_connection_that_changed_last_and_is_still_there(how: str) -> None:
    presences = Presences(GRACE)
    for connection in ("c1", "c2", "c3"):
        presences.enter(A, member(connection))
    presences.update(A, "c1", PresenceChange(status="away"))
    presences.update(A, "c2", TO_EDIT)
    presences.enter(A, member("c4"))  # opening another tab is no change
    assert shown(presences) == EDITING
    if how == "leave":
        told = presences.leave(A, "c2")
    elif how == "lose":
        told = presences.lost("c2", 100.0)
    else:
        told = presences.enter(A, member("c2", hidden=True))
    (update,) = told
    assert isinstance(update, PresenceUpdate)
    assert (update.payload.status, update.payload.activity) == ("away", "viewing")
    assert shown(presences) == ("away", "viewing", None)
    assert presences.leave(A, "c3") == []  # it was not the one that is shown
    assert presences.update(A, "c2", TO_EDIT) == []
    assert presences.tick(200.0) == []


def test_what_is_left_out_of_a_change_is_as_it_was_on_that_connection() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.enter(A, member("c2"))
    presences.update(A, "c1", TO_EDIT)
    presences.update(A, "c2", PresenceChange(status="away"))
    assert shown(presences) == ("away", "viewing", None)
    presences.update(A, "c1", PresenceChange(field=None))
    assert shown(presences) == ("busy", "editing", None)


def test_name_and_role_are_those_of_the_newest_token_on_every_channel() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1", described=profile(token=100.0, name="Old")))
    presences.enter(B, member("c1", described=profile(token=100.0, name="Old")))
    (update,) = presences.enter(A, member("c2", described=profile(token=300.0, name="New")))[:1]
    assert isinstance(update, PresenceUpdate)
    assert (update.payload.name, update.payload.role) == ("New", "editor")
    assert [presences.roster(channel, 10).users[0].name for channel in (A, B)] == ["New", "New"]
    assert presences.enter(B, member("c3", described=profile(token=200.0, name="Older"))) == []
    assert presences.renew("c1", profile(token=300.0, name="New")) == []
    assert {event.channel for event in presences.renew("c1", profile(token=400.0, name="Newest"))} == {A, B}
    assert presences.renew("not-here", profile(token=500.0, name="X")) == []
    for channel, connection in ((A, "c1"), (A, "c2"), (B, "c1"), (B, "c3")):
        presences.leave(channel, connection)
    (join,) = presences.enter(A, member("c4", described=profile(token=1.0, name="Again")))
    assert isinstance(join, PresenceJoin)
    assert join.payload.name == "Again"


def test_a_user_who_comes_anew_starts_anew() -> None:
    presences = Presences(GRACE)
    presences.enter(A, member("c1"))
    presences.update(A, "c1", PresenceChange(status="busy", activity="editing", field="title"))
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
    presences.update(A, "c1", PresenceChange(activity="editing", field="title"))
    (update,) = presences.update(A, "c1", PresenceChange(field=None))
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
    assert presences.update(A, "c1", PresenceChange(status="busy")) == []
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
profiles = st.builds(
    lambda token, name: profile(token=token, name=name), st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from(["N1", "N2"])
)
connections = st.sampled_from(sorted(CONNECTIONS))


@dataclass
class Past:
    """The last act of each connection on a channel, and when the user last entered it visibly."""

    fate: dict[tuple[str, str], tuple[str, float, int]] = field(default_factory=dict)
    entered: dict[tuple[str, str], int] = field(default_factory=dict)
    doing: dict[tuple[str, str], tuple[int, tuple[object, object, object]]] = field(default_factory=dict)
    shown: dict[tuple[str, str], tuple[object, object, object]] = field(default_factory=dict)
    tokens: dict[str, Profile] = field(default_factory=dict)
    count: int = 0

    def note(self, channel: str, connection: str, fate: str, now: float) -> None:
        self.count += 1
        before = self.fate.get((channel, connection), ("gone", 0.0, 0))[0]
        if fate == "here":
            self.entered[channel, CONNECTIONS[connection]] = self.count
            if before != "here":
                self.doing[channel, connection] = (0, VIEWING)
        elif before != "here":
            return  # who is not there can neither leave nor be lost
        self.fate[channel, connection] = (fate, now, self.count)

    def does(self, channel: str, connection: str, change: PresenceChange) -> None:
        status, activity, where = self.doing[channel, connection][1]
        new = (
            status if change.status is UNSET else change.status,
            activity if change.activity is UNSET else change.activity,
            where if change.field is UNSET else change.field,
        )
        self.count += 1
        self.doing[channel, connection] = (self.count, new)

    def describe(self, user: str, described: Profile, now: float) -> None:
        """The newest token of somebody who is visible somewhere."""
        known = self.tokens.get(user)
        if known is None or described.token_at >= known.token_at:
            self.tokens[user] = described

    def look(self, now: float) -> None:
        """Note how everybody is shown, before time goes on."""
        visible = {user for channel in (A, B) for user in self.there(channel, now)}
        self.tokens = {user: described for user, described in self.tokens.items() if user in visible}
        for channel in (A, B):
            for user in set(CONNECTIONS.values()):
                own = [c for c, one in CONNECTIONS.items() if one == user]
                here = [self.doing[channel, c] for c in own if self.fate.get((channel, c), ("",))[0] == "here"]
                if here:
                    self.shown[channel, user] = max(here, key=lambda one: one[0])[1]

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
        self.seen: dict[str, tuple[object, ...]] = {
            user.user_id: (user.status, user.activity, user.field, user.name)
            for user in presences.roster(channel, 100).users
        }

    def receive(self, event: PresenceEvent) -> None:
        if event.channel != self.channel:
            return
        user = event.payload.user_id
        if isinstance(event, PresenceJoin):
            assert user not in self.seen
            self.seen[user] = (event.payload.status, event.payload.activity, None, event.payload.name)
        elif isinstance(event, PresenceLeave):
            del self.seen[user]  # never of one who was not there
        else:
            assert user in self.seen
            name = self.seen[user][3] if event.payload.name is UNSET else event.payload.name
            self.seen[user] = (event.payload.status, event.payload.activity, event.payload.field, name)


class SnapshotAndChanges(RuleBasedStateMachine):
    """Whatever happens, who looked once and listened since knows what who looks now is told."""

    def __init__(self) -> None:
        super().__init__()
        self.presences, self.past, self.now = Presences(GRACE), Past(), 0.0
        self.watchers = [Watcher(self.presences, channel) for channel in (A, B)]

    def tell(self, events: list[PresenceEvent]) -> None:
        for event in events:
            for watcher in self.watchers:
                watcher.receive(event)

    @rule(channel=channels, connection=connections, hidden=st.sampled_from([False, False, True]), described=profiles)
    def enter(self, channel: str, connection: str, described: Profile, *, hidden: bool) -> None:
        user = CONNECTIONS[connection]
        self.tell(self.presences.enter(channel, member(connection, user, hidden=hidden, described=described)))
        self.past.note(channel, connection, "gone" if hidden else "here", self.now)
        if not hidden:
            self.past.describe(user, described, self.now)

    @rule(connection=connections, described=profiles)
    def renew(self, connection: str, described: Profile) -> None:
        self.tell(self.presences.renew(connection, described))
        if any(self.past.fate.get((channel, connection), ("",))[0] == "here" for channel in (A, B)):
            self.past.describe(CONNECTIONS[connection], described, self.now)

    @rule(channel=channels, connection=connections)
    def leave(self, channel: str, connection: str) -> None:
        self.tell(self.presences.leave(channel, connection))
        self.past.note(channel, connection, "gone", self.now)

    @rule(connection=connections)
    def lose(self, connection: str) -> None:
        self.tell(self.presences.lost(connection, self.now))
        for channel in (A, B):
            self.past.note(channel, connection, "lost", self.now)

    @rule(
        channel=channels,
        connection=connections,
        change=st.builds(
            PresenceChange,
            status=st.sampled_from(["online", "away", "busy", UNSET]),
            activity=st.sampled_from(["viewing", "editing", UNSET]),
            field=st.sampled_from(["title", None, UNSET]),
        ),
    )
    def update(self, channel: str, connection: str, change: PresenceChange) -> None:
        told = self.presences.update(channel, connection, change)
        is_here = self.past.fate.get((channel, connection), ("",))[0] == "here"
        assert bool(told) is is_here
        if is_here:
            self.past.does(channel, connection, change)
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
        self.past.look(self.now)
        for channel in (A, B):
            roster = self.presences.roster(channel, 100)
            for user in roster.users:
                assert (user.status, user.activity, user.field) == self.past.shown[channel, user.user_id]
                assert user.name == self.past.tokens[user.user_id].name
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
        assert not self.presences._places
        assert not self.presences._people  # nothing is left behind


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
