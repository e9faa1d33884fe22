"""The inbox of a user from a recording, beside the one that the service keeps."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from dossier_realtime.archive import open_journal
from dossier_realtime.client.io.http_calls import HttpCalls
from dossier_realtime.protocol.http.inbox_forms import InboxPage, InboxRow
from dossier_realtime.recording.inboxes import inbox_entries
from tests.harness.service import Service
from tests.sdk.test_inbox_live import device_of, notice, publish


def test_a_recording_says_what_became_of_each_entry(tmp_path: Path) -> None:
    async def scene(service: Service) -> list[InboxRow]:
        await publish(service, *(notice("ali", f"n{number}") for number in range(6)), notice("ali", "n1"))
        async with device_of(service, "ali") as ali:
            entries = ali.inbox()
            events = [await anext(entries) for _ in range(6)]
            await ali.mark_read(up_to=events[1].offset)
            await ali.mark_read(["n3", "none"])
            await ali.snooze("n2", time.time() + 3_600)
            await ali.snooze("n4", time.time() + 5)
            assert await anext(entries) == events[4], "it is back"
            await entries.aclose()
        calls = HttpCalls(service.token("ali"), service.http)
        page = msgspec.json.decode(await calls.call("GET", "/v1/inbox"), type=InboxPage)
        await calls.close()
        return page.entries

    with Service(tmp_path / "data") as service:
        kept = asyncio.run(scene(service))
    journal = service.data / "journal"
    recording = open_journal(journal, clearance="secret")
    states = ["snoozed" if row.snoozed_until else "read" if row.read else "unread" for row in kept]
    found = inbox_entries(recording.entries(), "ali")
    assert [(row.id, row.offset, row.state) for row in found] == [
        (row.id, row.offset, state) for row, state in zip(kept, states, strict=True)
    ]
    assert [row.state for row in found] == ["read", "read", "snoozed", "read", "unread", "unread"]
    table = recording.inbox("ali")
    assert table["state"].tolist() == [row.state for row in found]
    assert table.index.is_monotonic_increasing
    with pytest.raises(KeyError, match="no channel 'user:nobody'"):
        recording.inbox("nobody")
    with pytest.raises(ValueError, match="clearance='secret'"):
        open_journal(journal).inbox("ali")
