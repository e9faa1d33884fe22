"""The set of a session's subscriptions: each message is answered once, whatever ends in between."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.core.sessions.subscription_set import SubscriptionSet

CHANNELS = ("document:1", "document:2")
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "answer", "put off", "end", "take back"]), st.sampled_from(CHANNELS))
)


@given(STEPS)
def test_each_message_is_answered_once_or_taken_back(steps: list[tuple[str, str]]) -> None:
    known, asked, answers = SubscriptionSet(), list[tuple[str, int, str]](), Counter[str]()
    live: dict[str, bool] = {}
    for ref, (step, channel) in enumerate(steps):
        first = next((one for one in asked if one[0] == channel), None)
        match step:
            case "ask":
                number, again = known.ask(channel, str(ref))
                assert again is (channel in live)
                live.setdefault(channel, False)
                asked.append((channel, number, str(ref)))
            case "answer" | "put off" if first is not None:
                asked.remove(first)
                if known.is_current(*first[:2]):
                    answers[first[2]] += 1
                    if step == "answer":
                        known.answered(*first)
                        live[channel] = True
                    else:
                        known.put_off(*first)
                        waits = any(known.is_current(*one[:2]) for one in asked if one[0] == channel)
                        if not (waits or live[channel]):
                            del live[channel]
                else:
                    before = list(known)
                    known.answered(*first)
                    known.put_off(*first)
                    assert list(known) == before, "a later subscription is left alone"
            case "end" | "take back":
                ended = known.end(channel)
                assert ended.was_live is live.pop(channel, False)
                answers.update(one for one in ended.waiting if one is not None)
            case _:
                pass
        assert set(known) == set(live)
        assert len(known) == len(live)
    waiting = [one for one in asked if known.is_current(*one[:2])]
    for channel in CHANNELS:
        assert known.end(channel).waiting == [ref for name, _, ref in waiting if name == channel]
    every = {str(ref) for ref, (step, _) in enumerate(steps) if step == "ask"}
    assert answers == Counter(every - {ref for _, _, ref in waiting})
