"""The line of a run's progress says its counts, in place on a terminal and line by line elsewhere."""

from __future__ import annotations

import asyncio
import io
import re
from contextlib import suppress

import pytest

from demo import live_line
from demo.report import SimulationReport
from tests.harness.eventually import eventually_async


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def _report() -> SimulationReport:
    report = SimulationReport()
    report.people, report.sent, report.received, report.edits = 40, 1_200, 48_000, 310
    report.count("levels raised", 3)
    return report


def test_the_line_has_the_counts() -> None:
    report = _report()
    expected = "demo, 12 s: 40 people, 1,200 events sent, 48,000 received, 310 edits, 3 alert levels, 0 briefs, "
    assert live_line.live_line(report, 12.4) == expected + "0 violations"
    report.record_violation("u-1 missed events")
    assert live_line.live_line(report, 12.4) == expected + "1 violation"


@pytest.mark.parametrize(("stream", "begin"), [(Terminal(), "\r\x1b[K"), (io.StringIO(), "")], ids=["terminal", "file"])
def test_it_is_written_until_the_run_ends(stream: io.StringIO, begin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_line, "_TERMINAL_SECONDS", 0.01)
    monkeypatch.setattr(live_line, "_FILE_SECONDS", 0.01)

    async def scene() -> None:
        telling = asyncio.create_task(live_line.tell_progress(_report(), stream))
        await eventually_async(lambda: stream.getvalue().count("demo, ") >= 2)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling

    asyncio.run(scene())
    written = stream.getvalue()
    assert re.match(re.escape(begin) + r"demo, \d+ s: 40 people", written)
    assert written.endswith("\r\x1b[K" if begin else "\n")


@pytest.mark.parametrize(("stream", "begin"), [(Terminal(), "\r\x1b[K"), (io.StringIO(), "")], ids=["terminal", "file"])
def test_each_violation_is_told_once_as_it_comes(
    stream: io.StringIO, begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_line, "_TERMINAL_SECONDS", 0.01)
    monkeypatch.setattr(live_line, "_FILE_SECONDS", 0.01)
    report = _report()
    report.record_violation("u-1 missed events")

    async def scene() -> None:
        telling = asyncio.create_task(live_line.tell_progress(report, stream))
        await eventually_async(lambda: "1 violation" in stream.getvalue())
        report.record_violation("u-2 missed events")
        seen = stream.getvalue().count("2 violations")
        await eventually_async(lambda: stream.getvalue().count("2 violations") > seen + 1)
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling

    asyncio.run(scene())
    written = stream.getvalue()
    for user in ("u-1", "u-2"):
        assert written.count(f"{begin}demo, violation: {user} missed events\n") == 1
