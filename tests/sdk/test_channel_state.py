"""Dedup, gaps and recovery of one channel, against a log that is cut, repeated and renumbered."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.client.errors import PositionLost
from dossier_realtime.client.state.channel_state import MAX_EVENTS_AHEAD, ChannelState
from dossier_realtime.client.state.effects import ErrorReport, Ready
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import PresenceChange, Since
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.fields import Position
from dossier_realtime.protocol.responses import Subscribed
from tests.sdk.samples import delivered

CHANNEL = "dossier:country:SA"


def state(since: Position | None = None) -> ChannelState:
    return ChannelState(CHANNEL, include_presence=False, hidden=False, since=since)


def live_at(offset: int, epoch: str = "e") -> ChannelState:
    made = state()
    made.ask("1")
    made.subscribed(Subscribed(channel=CHANNEL, position=Position(epoch, offset), ref="1"))
    return made


def event(offset: int | None) -> Event:
    return codec.decode_event(msgspec.json.encode(delivered(offset)))


def arrive(subject: ChannelState, *offsets: int | None) -> list[int | None]:
    """The deliveries in their order."""
    told: list[int | None] = []
    for offset in offsets:
        told += [said.offset for said, _ in subject.arrive(event(offset), offset).deliver]  # type: ignore[union-attr]
    return told


@pytest.mark.parametrize(
    ("offset", "delivers", "recovers", "after"),
    [
        (6, True, False, 6),
        (5, False, False, 5),  # a repeat
        (1, False, False, 5),  # going back
        (0, False, False, 5),
        (8, False, True, 5),  # a gap
        (None, True, False, 5),  # an event without history
    ],
)
def test_an_event_is_judged_by_its_offset(offset: int | None, delivers: bool, recovers: bool, after: int) -> None:
    subject = live_at(5)
    arrival = subject.arrive(event(offset), offset)
    assert (bool(arrival.deliver), arrival.recover, arrival.lost) == (delivers, recovers, None)
    assert subject.position == Position("e", after)


def test_nothing_is_delivered_before_the_subscription_is_confirmed() -> None:
    assert arrive(state(), 1, None) == []


def test_what_came_too_early_is_delivered_in_its_place() -> None:
    subject = live_at(5)
    subject.lost()
    subject.ask("2")
    assert arrive(subject, 8, 9) == []
    subject.subscribed(Subscribed(channel=CHANNEL, position=Position("e", 9), recovered=True, ref="2"))
    assert arrive(subject, 6, 7, 10) == [6, 7, 8, 9, 10]


def test_no_more_than_a_thousand_events_wait_for_their_predecessor() -> None:
    subject = live_at(0)
    subject.ask("2")
    assert arrive(subject, *range(2, MAX_EVENTS_AHEAD + 100)) == []
    assert arrive(subject, 1) == list(range(1, MAX_EVENTS_AHEAD + 2))


def test_a_gap_that_recovery_does_not_close_is_a_loss_not_a_loop() -> None:
    subject = live_at(5)
    assert subject.arrive(event(8), 8).recover
    subject.ask("2")
    subject.subscribed(Subscribed(channel=CHANNEL, position=Position("e", 9), recovered=True, ref="2"))
    arrival = subject.arrive(event(9), 9)
    assert [position for _, position in arrival.deliver] == [Position("e", 8), Position("e", 9)]
    assert arrival.lost is not None
    assert (arrival.lost.was, arrival.lost.now) == (Position("e", 5), Position("e", 7))


def test_a_first_subscribe_asks_for_no_past_and_a_later_one_for_what_came_after() -> None:
    subject = state()
    assert subject.ask("1").params.since is None
    subject.subscribed(Subscribed(channel=CHANNEL, position=Position("e", 5), ref="1"))
    arrive(subject, 6)
    subject.lost()
    assert subject.ask("2").params.since == Since(epoch="e", offset=6)


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (Subscribed(channel=CHANNEL, position=Position("e", 9), recovered=True), False),
        (Subscribed(channel=CHANNEL, position=Position("e", 5), recovered=True), False),
        (Subscribed(channel=CHANNEL, position=Position("e", 9), recovered=False), True),
        (Subscribed(channel=CHANNEL, position=Position("new", 2), recovered=False), True),
        # What no right server says is taken for a loss, never for an unbroken stream:
        (Subscribed(channel=CHANNEL, position=Position("e", 9)), True),
        (Subscribed(channel=CHANNEL, position=Position("new", 9), recovered=True), True),
        (Subscribed(channel=CHANNEL, position=Position("e", 4), recovered=True), True),
        (Subscribed(channel=CHANNEL), True),
    ],
)
def test_only_an_unbroken_recovery_keeps_the_position(answer: Subscribed, lost: bool) -> None:
    subject = live_at(5)
    subject.lost()
    subject.ask("2")
    told = subject.subscribed(answer)
    losses = [said.error for said in told if isinstance(said, ErrorReport)]
    assert len(losses) == lost
    if lost:
        loss = losses[0]
        assert isinstance(loss, PositionLost)
        assert (loss.was, loss.now) == (Position("e", 5), answer.position)
        assert subject.position == answer.position
    else:
        assert subject.position == Position("e", 5)
    assert Ready(CHANNEL, subject.position) in told


def test_what_a_user_says_of_itself_adds_up() -> None:
    subject = live_at(0)
    subject.update_presence(PresenceChange(status="busy", field="title"))
    subject.update_presence(PresenceChange(activity="editing", field=None))
    said = subject.say_presence("3")
    assert said is not None
    assert said.payload == PresenceChange(status="busy", activity="editing", field=None)


@dataclass
class Log:
    """A channel's history at an honest server, and one subscriber's wire, which loses, repeats and breaks."""

    length: int = 0
    epoch: int = 0
    cut: int = 0
    state: ChannelState = field(default_factory=state)
    heard: list[tuple[int, int]] = field(default_factory=list)
    losses: list[PositionLost] = field(default_factory=list)
    refs: int = 0

    def subscribe(self) -> None:
        self.refs += 1
        since = self.state.ask(str(self.refs)).params.since
        answer = Subscribed(channel=CHANNEL, position=Position(str(self.epoch), self.length))
        replay = range(0)
        if since is not None:
            assert since.offset is not None
            answer.recovered = since.epoch == str(self.epoch) and self.cut <= since.offset <= self.length
            replay = range(since.offset + 1, self.length + 1) if answer.recovered else replay
        for said in self.state.subscribed(answer):
            if isinstance(said, ErrorReport):
                assert isinstance(said.error, PositionLost)
                self.losses.append(said.error)
        for offset in replay:
            self.arrive(offset)

    def arrive(self, offset: int) -> None:
        arrival = self.state.arrive(event(offset), offset)
        if arrival.lost is not None:
            self.losses.append(arrival.lost)
        for _, position in arrival.deliver:
            assert position is not None
            self.heard.append((int(position.epoch), position.offset))
        if arrival.recover:
            self.subscribe()


STEPS = st.lists(st.sampled_from(["event", "event", "lose", "repeat", "reconnect", "trim", "epoch"]), max_size=60)


@given(STEPS)
def test_each_event_comes_once_in_order_and_every_hole_is_told(steps: list[str]) -> None:
    log = Log()
    log.subscribe()
    for step in steps:
        match step:
            case "event":
                log.length += 1
                log.arrive(log.length)
            case "lose":
                log.length += 1
            case "repeat" if log.length:
                log.arrive(max(1, log.length - 1))
            case "reconnect":
                log.state.lost()
                log.subscribe()
            case "trim":
                log.cut = log.length
            case "epoch":
                log.epoch, log.length, log.cut = log.epoch + 1, 0, 0
                log.state.lost()
                log.subscribe()
            case _:
                pass  # there is nothing yet to repeat
    log.length += 1
    log.arrive(log.length)

    assert log.heard == sorted(set(log.heard))
    assert log.state.position == Position(str(log.epoch), log.length)
    told = {(int(loss.was.epoch), loss.was.offset) for loss in log.losses}
    end = (log.epoch, log.length + 1)
    for before, after in itertools.pairwise([(0, 0), *log.heard, end]):
        unbroken = before[0] == after[0] and after[1] == before[1] + 1
        assert unbroken or any(before <= was < after for was in told)
