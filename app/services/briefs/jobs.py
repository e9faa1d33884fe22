"""Briefs on request, as one part of the service."""

from __future__ import annotations

from dataclasses import dataclass

from .ledger import BriefLedger
from .requests import BriefRequests
from .runner import BriefRunner
from .silence.silent_briefs import SilentBriefs
from .workers import BriefWorkers


@dataclass(frozen=True, slots=True)
class BriefJobs:
    """Requests and reading, the queue behind them, and the state of both."""

    ledger: BriefLedger
    requests: BriefRequests
    runner: BriefRunner
    workers: BriefWorkers
    silent: SilentBriefs
