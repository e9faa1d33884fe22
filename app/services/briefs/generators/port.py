"""The port of generators: a brief's subject and facts go in, a text in both languages comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from app.core.briefs.facts import EntityFacts
from app.core.briefs.finished import BriefCheck
from app.core.briefs.job import BriefJob
from dossier_realtime.protocol.fields import Localized, Stage


@dataclass(frozen=True, slots=True)
class WrittenBrief:
    """The text of a brief in both languages. `confidence` is from 0 to 1; `model` names the model or program.

    `checks`: those that the confidence follows from; empty where it follows from none.
    """

    en: str
    ar: str
    confidence: float
    model: str = ""
    checks: tuple[BriefCheck, ...] = ()


class GenerationError(Exception):
    """Raised when a generator cannot write a brief; `text` is for the requester."""

    def __init__(self, text: Localized) -> None:
        super().__init__(text.en)
        self.text = text


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """A generator's way to say how far it is. `beat`: it is alive, without a step that anybody is told of."""

    step: Callable[[Stage, int, Localized], Awaitable[None]]
    beat: Callable[[], None]


class Generator(Protocol):
    """A way to write briefs."""

    async def write(self, job: BriefJob, facts: EntityFacts, report: GenerationReport) -> WrittenBrief:
        """Write a brief from these facts alone, and report each step. Raises GenerationError."""
