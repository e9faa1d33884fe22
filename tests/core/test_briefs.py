"""A brief has one owner and one end, whatever is said of it later."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.briefs import Brief, BriefTransition, cancellation, transition, transitioned
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import (
    BriefComplete,
    BriefCompletePayload,
    BriefFailed,
    BriefFailedPayload,
    BriefProgress,
    BriefProgressPayload,
    BriefStarted,
    BriefStartedPayload,
    Event,
)
from dossier_realtime.protocol.responses import BriefEnd

steps = st.builds(
    BriefTransition,
    st.just("r1"),
    st.sampled_from(["ali", "sara"]),
    st.sampled_from([None, "complete", "failed"]),
    st.none(),
)


@given(st.lists(steps, min_size=1, max_size=12))
def test_the_first_owner_stays_and_so_does_the_first_end_that_the_owner_heard_of(taken: list[BriefTransition]) -> None:
    brief: Brief | None = None
    for one in taken:
        brief = transitioned(brief, one)
    owner = taken[0].user_id
    ends = [one.ended for one in taken if one.ended is not None and one.user_id == owner]
    assert brief == Brief("r1", owner, ends[0] if ends else None)


@given(steps)
def test_what_was_cancelled_stays_so(later: BriefTransition) -> None:
    cancelled = Brief("r1", "ali", "cancelled")
    assert transitioned(cancelled, later) == cancelled


def test_each_event_of_a_brief_is_a_step_of_its_channels_user() -> None:
    events: list[tuple[Event, BriefEnd | None]] = [
        (BriefStarted(request_id="r1", payload=BriefStartedPayload("meeting", "SA", 9)), None),
        (BriefProgress(request_id="r1", payload=BriefProgressPayload("analyzing", 4, "x")), None),
        (BriefComplete(request_id="r1", payload=BriefCompletePayload("b", 9, 0.9)), "complete"),
        (BriefFailed(request_id="r1", payload=BriefFailedPayload("x", fallback_available=True)), "failed"),
    ]
    for event, ended in events:
        assert transition("user:ali", event) == BriefTransition("r1", "ali", ended)


def test_who_cancelled_is_said_in_both_languages_and_any_client_can_read_it() -> None:
    event = cancellation(Brief("r1", "ali"), "نورة القحطاني")
    assert codec.decode_event(codec.encode(event)) == event
    assert event.channel == "user:ali"
    assert event.payload.error.en == "Cancelled by \u2068نورة القحطاني\u2069"  # type: ignore[union-attr]  # it is in both languages
    assert not event.payload.fallback_available
