"""Times until which documents are read-only: what may be asked, and the settings that follow."""

from __future__ import annotations

import pytest

from app.core.read_only import MAX_READ_ONLY_SECONDS, read_only_fault
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from dossier_realtime.protocol.commands import SettingsChange

DOC, NOW = "document:d1", 1_000_000
OPEN = ChannelSettings(Clearance.INTERNAL, presence=True, history=False)
FROZEN = ChannelSettings(Clearance.INTERNAL, presence=True, history=False, frozen=True)
TIMED = ChannelSettings(Clearance.INTERNAL, presence=True, history=False, frozen=True, read_only_until=NOW + 9)


@pytest.mark.parametrize(
    ("channel", "change", "said"),
    [
        (DOC, SettingsChange(), ""),
        (DOC, SettingsChange(frozen=False), ""),
        (DOC, SettingsChange(read_only_until=NOW + 1), ""),
        (DOC, SettingsChange(frozen=True, read_only_until=NOW + MAX_READ_ONLY_SECONDS), ""),
        (DOC, SettingsChange(read_only_until=NOW), "until a time"),
        (DOC, SettingsChange(read_only_until=0), "until a time"),
        (DOC, SettingsChange(read_only_until=NOW + MAX_READ_ONLY_SECONDS + 1), "until a time"),
        (DOC, SettingsChange(frozen=False, read_only_until=NOW + 1), "Give either"),
        ("dossier:mou:m1", SettingsChange(read_only_until=NOW + 1), "Only a document"),
        ("global", SettingsChange(read_only_until=NOW + 1), "Only a document"),
    ],
)
def test_a_time_is_taken_on_a_document_and_in_the_coming_year(channel: str, change: SettingsChange, said: str) -> None:
    fault = read_only_fault(change, channel, NOW)
    assert said in fault
    assert bool(said) == bool(fault)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (OPEN, SettingsChange(read_only_until=NOW + 9), TIMED),
        (FROZEN, SettingsChange(read_only_until=NOW + 9), TIMED),
        (OPEN, SettingsChange(frozen=True, read_only_until=NOW + 9), TIMED),
        (TIMED, SettingsChange(presence=True), TIMED),
        (TIMED, SettingsChange(frozen=False), OPEN),
        (TIMED, SettingsChange(frozen=True), FROZEN),
    ],
)
def test_a_time_freezes_and_frozen_ends_or_replaces_it(
    before: ChannelSettings, change: SettingsChange, after: ChannelSettings
) -> None:
    assert before.changed(change, DOC) == after
