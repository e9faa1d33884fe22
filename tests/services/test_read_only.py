"""A document that is read-only for a time takes edits again when the clock says so, over restarts and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.core.read_only import KIND
from app.engine.ports.records import RecordChange
from app.services.channel_admin import ChannelAdmin
from app.services.due_clock import DueClock
from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings
from dossier_realtime.protocol.commands import SettingsChange
from tests.harness.eventually import eventually_async
from tests.services.test_due_clock import HOUR, SetClock, opened

DOC = "document:d1"


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock look at the wall clock, which the test sets, without the second in between."""
    monkeypatch.setattr("app.services.due_clock._LOOK_SECONDS", 0.01)


async def _unrecorded(before: ChannelSettings, after: ChannelSettings) -> None:
    """Take a change; its record is not what is tested here."""


@asynccontextmanager
async def _administration(folder: Path, clock: SetClock) -> AsyncIterator[tuple[ChannelAdmin, ChannelPolicy]]:
    async with opened(folder, clock) as engine:
        policy = ChannelPolicy([])
        engine.settings.start(policy.put)
        admin = ChannelAdmin(engine, policy)
        due = DueClock(engine.records, clock, {KIND: admin.end_read_only})
        admin.report_changes(due.changed)
        running = asyncio.create_task(due.run())
        try:
            yield admin, policy
            await due.stop()
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def test_it_ends_at_its_time_while_the_service_runs(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with _administration(tmp_path, clock) as (admin, policy):
            until = int(clock.wall + HOUR)
            await admin.change(DOC, SettingsChange(read_only_until=until), _unrecorded)
            assert policy.settings(DOC).read_only_until == until
            clock.pass_by(HOUR / 2)
            await admin.change(DOC, SettingsChange(read_only_until=until + int(HOUR)), _unrecorded)
            clock.pass_by(HOUR / 2 + 1)
            await asyncio.sleep(0.05)  # many looks of the clock, at a time that was the end before it was moved
            assert policy.settings(DOC).frozen
            clock.pass_by(HOUR)
            await eventually_async(lambda: not policy.settings(DOC).frozen)
            assert policy.settings(DOC).read_only_until is None
            await admin.change(DOC, SettingsChange(read_only_until=int(clock.wall + HOUR)), _unrecorded)
            clock.pass_by(HOUR)
            await eventually_async(lambda: not policy.settings(DOC).frozen)

    asyncio.run(scene())


def test_it_holds_over_a_restart_and_ends_where_the_service_was_down(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        until = int(clock.wall + HOUR)
        async with _administration(tmp_path, clock) as (admin, _):
            await admin.change(DOC, SettingsChange(read_only_until=until), _unrecorded)
        async with _administration(tmp_path, clock) as (_, policy):
            assert policy.settings(DOC).frozen
            assert policy.settings(DOC).read_only_until == until
        clock.pass_by(HOUR)
        async with _administration(tmp_path, clock) as (_, policy):
            await eventually_async(lambda: not policy.settings(DOC).frozen)
        async with _administration(tmp_path, clock) as (_, policy):
            assert not policy.settings(DOC).frozen

    asyncio.run(scene())


@pytest.mark.parametrize("replaced", [SettingsChange(frozen=True), SettingsChange(frozen=False)])
def test_a_waking_that_is_out_of_date_changes_nothing(tmp_path: Path, replaced: SettingsChange) -> None:
    """So it is after a crash between the two commits of a change, too."""

    async def scene() -> None:
        clock = SetClock()
        async with _administration(tmp_path, clock) as (admin, policy):
            await admin.change(DOC, SettingsChange(read_only_until=int(clock.wall + HOUR)), _unrecorded)
            await admin.change(DOC, replaced, _unrecorded)
            clock.pass_by(HOUR)
            await asyncio.sleep(0.05)
            assert policy.settings(DOC).frozen is replaced.frozen

    asyncio.run(scene())


def test_a_waking_before_the_time_of_the_settings_is_put_off_to_it(tmp_path: Path) -> None:
    async def scene() -> None:
        clock = SetClock()
        async with opened(tmp_path, clock) as engine:
            admin = ChannelAdmin(engine, policy := ChannelPolicy([]))
            engine.settings.start(policy.put)
            until = int(clock.wall + HOUR)
            await admin.change(DOC, SettingsChange(read_only_until=until), _unrecorded)
            record = (await engine.records.find(KIND, [DOC]))[DOC]
            early = RecordChange(KIND, DOC, record.revision, b"{}", due=clock.wall)
            await engine.broker.publish([], changes=[early])
            (record,) = await engine.records.due(KIND, clock.wall, 10)
            await admin.end_read_only(record, clock.wall)
            assert policy.settings(DOC).frozen
            assert await engine.records.next_due(KIND) == until

    asyncio.run(scene())
