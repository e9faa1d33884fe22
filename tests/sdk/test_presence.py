"""Snapshot + changes = who is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol import events as ev
from dossier_realtime.protocol.responses import PresentUser, Roster

CHANNEL = "dossier:country:SA"
USERS = st.sampled_from([f"u{number}" for number in range(5)])


def join(user_id: str) -> ev.PresenceJoin:
    payload = ev.PresenceJoinPayload(
        user_id=user_id, name=user_id, role="editor", avatar=None, status="online", activity="viewing"
    )
    return ev.PresenceJoin(channel=CHANNEL, payload=payload)


def leave(user_id: str) -> ev.PresenceLeave:
    return ev.PresenceLeave(channel=CHANNEL, payload=ev.PresenceLeavePayload(user_id))


def update(user_id: str) -> ev.PresenceUpdate:
    payload = ev.PresenceUpdatePayload(user_id=user_id, status="busy", activity="editing", field="title")
    return ev.PresenceUpdate(channel=CHANNEL, payload=payload)


def user(user_id: str) -> PresentUser:
    return PresentUser(user_id=user_id, name=user_id, role="editor")


@given(st.sets(USERS), st.lists(st.tuples(st.sampled_from([join, leave, update]), USERS)))
def test_users_and_count_follow_every_change(present: set[str], changes: list[tuple[object, str]]) -> None:
    roster = Roster(count=len(present), users=[user(user_id) for user_id in sorted(present)])
    state, truth = PresenceState.of(roster), set(present)
    for make, user_id in changes:
        state = state.after(make(user_id))  # type: ignore[operator]  # hypothesis knows no union of functions
        if make is join:
            truth.add(user_id)
        elif make is leave:
            truth.discard(user_id)
        assert set(state.users) == truth
        assert state.count == len(truth)


def test_an_update_changes_what_the_user_does_and_nothing_else() -> None:
    state = PresenceState.of(Roster(count=1, users=[user("a")])).after(update("a"))
    assert state.users["a"] == PresentUser(
        user_id="a", name="a", role="editor", status="busy", activity="editing", field="title"
    )


def test_a_state_that_was_handed_out_does_not_change_any_more() -> None:
    before = PresenceState.of(Roster(count=1, users=[user("a")]))
    before.after(join("b"))
    assert list(before.users) == ["a"]


def test_the_count_of_a_cut_list_follows_those_whom_the_list_does_not_name() -> None:
    state = PresenceState.of(Roster(count=1_500, users=[user("a")], truncated=True))
    assert (state.after(leave("beyond")).count, state.after(leave("a")).count) == (1_499, 1_499)
    assert state.after(leave("beyond")).truncated


def test_what_changes_nothing_gives_the_same_state() -> None:
    state = PresenceState.of(Roster(count=1, users=[user("a")]))
    assert state.after(leave("stranger")) is state
    assert state.after(update("stranger")) is state
