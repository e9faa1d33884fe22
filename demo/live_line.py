"""The line that says what the office does while it is at work."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from demo.report import SimulationReport

_TERMINAL_SECONDS: Final = 1.0
_CLEAR: Final = "\r\x1b[K"  # the line of a terminal
_MAX_TOLD: Final = 20  # violations
_FILE_SECONDS: Final = 10.0  # a file or a pipe keeps every line


async def tell_progress(report: SimulationReport, stream: TextIO = sys.stderr) -> None:
    """Write the counts of a run again and again, until cancelled: in place on a terminal, else line by line.

    The first violations stand on lines of their own as they come: an office that is stopped prints no report.
    """
    loop = asyncio.get_running_loop()
    began, in_place = loop.time(), stream.isatty()
    told = 0
    try:
        while True:
            await asyncio.sleep(_TERMINAL_SECONDS if in_place else _FILE_SECONDS)
            for violation in report.violations[told:_MAX_TOLD]:
                told += 1
                stream.write(f"{_CLEAR if in_place else ''}demo, violation: {violation}\n")
            line = live_line(report, loop.time() - began)
            stream.write(f"{_CLEAR}{line}" if in_place else f"{line}\n")
            stream.flush()
    finally:
        if in_place:
            stream.write(_CLEAR)
            stream.flush()


def live_line(report: SimulationReport, seconds: float) -> str:
    """Return the counts of a run so far, as one line."""
    wrong = len(report.violations)
    return (
        f"demo, {seconds:.0f} s: {report.people} people, {report.sent:,} events sent, {report.received:,} received, "
        f"{report.edits:,} edits, {report.domain['levels raised']:,} alert levels, "
        f"{report.domain['briefs written']:,} briefs, {wrong:,} violation{'s' * (wrong != 1)}"
    )
