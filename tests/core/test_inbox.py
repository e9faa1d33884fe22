"""Entries of inboxes: which events make one, and its states."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.core.domain.projections import inbox
from app.core.domain.projections.inbox import InboxEntries, InboxHeads
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import Event

OWN, AT = "user:ali", 1_800_000_000.0
EXAMPLES = Path(__file__).parents[1] / "contract" / "examples" / "server"
MAKE_ENTRIES = {
    "notification": "uuid",
    "task_assigned": "task.uuid",
    "commitment_alert": "alert.uuid.1",
    "brief_generation_complete": "brief.uuid",
    "brief_generation_failed": "brief.uuid",
}


def server_example(name: str) -> Event:
    return codec.decode_event((EXAMPLES / f"{name}.json").read_bytes())


@pytest.mark.parametrize(("name", "entry"), list(MAKE_ENTRIES.items()))
def test_events_that_want_a_person_make_an_entry(name: str, entry: str) -> None:
    event = server_example(name)
    assert InboxEntries().key(OWN, event) == f"ali/{entry}"
    assert InboxHeads().key(OWN, event) == "ali"
    folded = InboxEntries().fold(None, OWN, event, AT)
    assert folded is not None
    kept = inbox.decode(folded.body)
    assert (kept.id, kept.read, kept.received) == (entry, False, int(AT))
    assert codec.encode(event) == bytes(kept.event)
    assert set(folded.labels) == {inbox.all_of("ali"), inbox.unread_of("ali")}
    assert folded.expires == AT + 90 * 86_400


@pytest.mark.parametrize("name", ["brief_generation_progress", "alert_state", "inbox_state"])
def test_other_events_make_none(name: str) -> None:
    assert InboxEntries().key(OWN, server_example(name)) is None


def test_a_notification_for_everybody_is_in_no_inbox() -> None:
    assert InboxEntries().key("global", server_example("notification")) is None


def entry(**more: object) -> inbox.InboxEntry:
    return inbox.InboxEntry(id="n1", event=msgspec.Raw(b"{}"), received=7_300, **more)  # type: ignore[arg-type]  # of its fields


def test_the_same_id_again_is_no_second_entry() -> None:
    event: Event = server_example("notification")
    first = InboxEntries().fold(None, OWN, event, AT)
    assert first is not None
    assert InboxEntries().fold(first.body, OWN, event, AT + 5) is None


def test_what_is_read_stays_read_and_what_is_snoozed_comes_back() -> None:
    read = inbox.as_read(entry(snoozed_until=9))
    assert read is not None
    assert (read.read, read.snoozed_until, inbox.as_read(read)) == (True, None, None)
    snoozed = inbox.as_snoozed(read, 50)
    assert snoozed is not None
    assert inbox.unread_of("ali") not in inbox.folded(snoozed, "ali").labels
    assert inbox.as_snoozed(snoozed, 50) is None
    assert inbox.as_due(snoozed, 49) is None
    back = inbox.as_due(snoozed, 50)
    assert back is not None
    assert inbox.unread_of("ali") in inbox.folded(back, "ali").labels
    assert (inbox.as_due(back, 99), inbox.folded(back, "ali").due) == (None, None)


def test_only_entries_of_low_priority_are_in_a_digest() -> None:
    assert [inbox.hour_of(entry(priority=level)) for level in ("low", "high", None)] == [2, None, None]
