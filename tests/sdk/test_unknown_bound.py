"""The messages of unknown types that wait for their callback are bounded, like other events."""

from __future__ import annotations

import asyncio

import pytest

from dossier_realtime.client import Position, UnknownMessage
from dossier_realtime.client.callbacks import Callbacks
from dossier_realtime.client.io.subscription_state import MAX_WAITING_EVENTS, SubscriptionState
from tests.sdk.samples import SA


def test_unknown_messages_wait_in_a_bounded_number_and_not_at_all_without_a_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def waiting(callbacks: Callbacks) -> int:
        state = SubscriptionState(SA, asyncio.ensure_future, callbacks)
        for offset in range(1, MAX_WAITING_EVENTS + 6):
            message = UnknownMessage("a_later_message", SA, offset, b"{}")
            assert state.event(message, Position("epoch-1", offset))  # no call runs meanwhile
        assert state.position == Position("epoch-1", MAX_WAITING_EVENTS + 5)
        try:
            return len(state._callbacks)
        finally:
            state.end(None)

    assert asyncio.run(waiting(Callbacks(on_presence=print))) == 0
    assert asyncio.run(waiting(Callbacks(on_presence=print, on_unknown=print))) == MAX_WAITING_EVENTS
    assert sum("an unknown message is dropped" in record.message for record in caplog.records) == 5
