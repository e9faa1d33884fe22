"""Entries of inboxes: which events make one, and its states."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.core.domain.ownership import Authority, Claim
from app.core.domain.projections import inbox
from app.core.domain.projections.inbox import InboxEntries, InboxHeads
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.events import CommitmentAlert, Event

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


def claim(authority: Authority) -> Claim:
    return Claim(authority, "some publisher")


@pytest.mark.parametrize("later", list(Authority))
@pytest.mark.parametrize("first", list(Authority))
def test_an_id_that_a_sender_without_authority_took_first_gives_way(first: Authority, later: Authority) -> None:
    event: Event = server_example("notification")
    before = InboxEntries().fold(None, OWN, event, AT, claim(first))
    assert before is not None
    read = inbox.as_read(inbox.decode(before.body))
    assert read is not None
    after = InboxEntries().fold(inbox.folded(read, "ali").body, OWN, event, AT + 5, claim(later))
    if first is Authority.CHANNEL and later > Authority.CHANNEL:
        assert after is not None
        assert after.by_offset, "it stands at the place of the event that counts"
        assert inbox.unread_of("ali") in after.labels
    else:
        assert after is None


def test_a_snoozed_entry_is_kept_for_as_long_from_when_it_comes_back() -> None:
    almost_gone = int(7_300 + inbox.KEPT_SECONDS) - 5
    until = almost_gone + 80 * 86_400
    snoozed = inbox.as_snoozed(entry(), until)
    assert snoozed is not None
    assert inbox.folded(snoozed, "ali").expires == until + inbox.KEPT_SECONDS
    back = inbox.as_due(snoozed, until)
    assert back is not None
    assert inbox.folded(back, "ali").expires == until + inbox.KEPT_SECONDS


def test_the_alert_of_another_clock_is_another_entry() -> None:
    event = server_example("commitment_alert")
    assert isinstance(event, CommitmentAlert)
    again = msgspec.structs.replace(event, payload=msgspec.structs.replace(event.payload, restarts=2))
    assert InboxEntries().key(OWN, again) == "ali/alert.uuid.1-2"
