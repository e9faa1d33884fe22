"""The brief by a language model: prompts from files, retries, a circuit breaker, and checks of what it wrote.

The model sees facts within the requester's rights and nothing else. The journal keeps what it saw and what it wrote.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import structlog
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from app.core.briefs.calendars import both_calendars
from app.core.briefs.finished import BriefCheck
from app.core.briefs.output_checks import SECTIONS, review
from app.services.briefs import messages
from app.services.briefs.generators.port import GenerationError, WrittenBrief
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.plain_text import one_line

from .completion import CompletionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.briefs.circuit import CircuitBreaker
    from app.core.briefs.facts import EntityFacts
    from app.core.briefs.job import BriefJob
    from app.core.briefs.output_checks import Language
    from app.core.instant import Instant
    from app.services.briefs.generators.port import GenerationReport

    from .completion import ChatCompletions

PROMPTS: Final = Path(__file__).parents[1] / "prompts"
_EXPECTED_CHARACTERS: Final = 1_500  # of a brief, for its progress
_STEP_SECONDS: Final = 1.0  # between two steps while the text comes
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.5, 20.0
_log = structlog.get_logger("briefs")


class PromptRecord(Protocol):
    """The record of what left the service and what came back."""

    def __call__(self, job: BriefJob, facts: EntityFacts, model: str, part: str, text: str) -> None:
        """Keep one part: the prompt before it is sent, the text, or why the text was refused."""


class ChatGenerator:
    """`port.Generator` by a model. `attempts`: of one text, where the endpoint fails."""

    def __init__(
        self,
        completions: ChatCompletions,
        circuit: CircuitBreaker,
        attempts: int,
        record: PromptRecord,
        clock: Callable[[], Instant],
    ) -> None:
        self._completions, self._circuit, self._attempts = completions, circuit, attempts
        self._record, self._clock = record, clock
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(PROMPTS), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )

    async def write(self, job: BriefJob, facts: EntityFacts, report: GenerationReport) -> WrittenBrief:
        """Write the brief in both languages, the one asked for first. Raises GenerationError."""
        if not facts.facts:
            raise GenerationError(messages.NO_FACTS)
        languages: tuple[Language, Language] = ("ar", "en") if job.language == "ar" else ("en", "ar")
        texts: dict[str, str] = {}
        confidence = 1.0
        checks: list[BriefCheck] = []
        for language, (start, end) in zip(languages, ((25, 55), (55, 80)), strict=True):
            text = await self._text(job, facts, language, _Progress(report, start, end))
            texts[language] = text
            given = {fact.id: getattr(fact.text, language) for fact in facts.facts}
            for fact in facts.facts:
                if fact.at is not None:
                    given[fact.id] += f" {getattr(both_calendars(fact.at), language)}"
            found = review(text, language, given)
            if not found.passed:
                self._record(job, facts, self._completions.endpoint.model, f"refused {language}", found.failures)
                _log.warning("a model's brief failed its checks", request=job.request_id, checks=found.failures)
                raise GenerationError(messages.UNFIT)
            confidence = min(confidence, found.confidence)
            checks += [BriefCheck(language, result.name, round(result.score, 3)) for result in found.results]
        await report.step("reviewing", 85, messages.REVIEWING)
        return WrittenBrief(texts["en"], texts["ar"], confidence, self._completions.endpoint.model, tuple(checks))

    async def _text(self, job: BriefJob, facts: EntityFacts, language: Language, progress: _Progress) -> str:
        """Return the model's text in a language; try again where the endpoint fails. Raises GenerationError."""
        prompt = self._prompt(job, facts, language)
        model = self._completions.endpoint.model
        seen = "\n\n".join(f"{message['role']}:\n{message['content']}" for message in prompt)
        for attempt in range(1, self._attempts + 1):
            if not self._circuit.allows(self._clock().steady):
                raise GenerationError(messages.MODEL_AWAY)
            self._record(job, facts, model, f"prompt {language}", seen)
            try:
                text = await self._completions.complete(prompt, progress.text)
            except CompletionError as failed:
                if failed.again:
                    self._circuit.failed(self._clock().steady)
                self._record(job, facts, model, f"failed {language}", str(failed))
                _log.warning("the model of briefs failed", request=job.request_id, attempt=attempt, reason=str(failed))
                if not failed.again or attempt == self._attempts:
                    raise GenerationError(messages.MODEL_AWAY) from failed
                await self._pause(attempt, failed.wait, progress)
            except asyncio.CancelledError:
                self._circuit.failed(self._clock().steady)  # cancelled or silent: a trial must not stay open
                raise
            else:
                self._circuit.succeeded()
                self._record(job, facts, model, f"text {language}", text)
                return text
        raise GenerationError(messages.MODEL_AWAY)

    async def _pause(self, attempt: int, wait: float | None, progress: _Progress) -> None:
        jittered = _FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311  no secret
        progress.beat()
        await asyncio.sleep(min(max(jittered, wait or 0.0), _MAX_PAUSE_SECONDS))
        progress.beat()

    def _prompt(self, job: BriefJob, facts: EntityFacts, language: Language) -> list[dict[str, str]]:
        def row(text: Localized) -> str:
            return one_line(getattr(text, language))

        rows = [
            {
                "id": fact.id,
                "day": "" if fact.at is None else getattr(both_calendars(fact.at), language),
                "text": row(fact.text),
            }
            for fact in facts.facts
        ]
        entity = f"{job.entity_type or job.type} {job.entity_id}"
        today = getattr(both_calendars(self._clock().wall), language)
        values = {"kind": job.type, "entity": entity, "rows": rows, "sections": SECTIONS[language], "today": today}
        return [
            {"role": role, "content": self._environment.get_template(f"{role}.{language}.j2").render(values)}
            for role in ("system", "user")
        ]


class _Progress:
    """The progress of one text, from a percentage to another; told at most once a second."""

    def __init__(self, report: GenerationReport, start: int, end: int) -> None:
        self._report, self._start, self._end = report, start, end
        self._told = float("-inf")

    def beat(self) -> None:
        """Say that the model is being waited for."""
        self._report.beat()

    async def text(self, length: int) -> None:
        """Say that so many characters have come."""
        self._report.beat()
        now = asyncio.get_running_loop().time()
        if now - self._told < _STEP_SECONDS:
            return
        self._told = now
        share = min(1.0, length / _EXPECTED_CHARACTERS)
        await self._report.step("generating", round(self._start + share * (self._end - self._start)), messages.WRITING)
