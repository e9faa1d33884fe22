"""The brief from a template: it states the facts and nothing else, so it is always there and always right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from app.core.briefs.calendars import both_calendars
from app.services.briefs import messages

from .port import WrittenBrief

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.briefs.facts import EntityFact, EntityFacts
    from app.core.briefs.job import BriefJob

    from .port import GenerationReport

TEMPLATES: Final = Path(__file__).parent / "templates"
_SURE, _EMPTY = 1.0, 0.5  # confidence with facts, and without any


def environment() -> SandboxedEnvironment:
    """Return the environment of all templates of briefs: plain text, in which a missing name is an error."""
    env = SandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters["cell"] = _cell
    return env


class TemplateGenerator:
    """`port.Generator` by templates in files, one a language. `now` is Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._environment = environment()

    async def write(self, job: BriefJob, facts: EntityFacts, report: GenerationReport) -> WrittenBrief:
        """Write the brief from these facts alone."""
        texts = {language: self._render(language, job, facts) for language in ("en", "ar")}
        await report.step("reviewing", 85, messages.REVIEWING)
        return WrittenBrief(texts["en"], texts["ar"], _SURE if facts.facts else _EMPTY, "template")

    def _render(self, language: str, job: BriefJob, facts: EntityFacts) -> str:
        def row(fact: EntityFact) -> dict[str, str]:
            day = "" if fact.at is None else getattr(both_calendars(fact.at), language)
            return {"id": fact.id, "day": day, "text": getattr(fact.text, language)}

        rows = {section: [row(fact) for fact in facts.of(section)] for section in _SECTIONS}
        template = self._environment.get_template(f"brief.{language}.md.j2")
        today = getattr(both_calendars(self._now()), language)
        entity = f"{job.entity_type or job.type} {job.entity_id}"
        return template.render(kind=job.type, entity=entity, today=today, rows=rows, count=len(facts.facts))


_SECTIONS: Final = ("health", "alerts", "tasks", "updates", "presence")


def _cell(text: str) -> str:
    """Return the text for a cell of a table: one line, no bar."""
    return " ".join(text.split()).replace("|", "¦")
