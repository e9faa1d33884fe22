"""Facts about an entity, each with its source: all that a brief may rest on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from msgspec import Struct

from dossier_realtime.protocol.authorization import Identity
from dossier_realtime.protocol.fields import Localized

Section = Literal["health", "alerts", "tasks", "updates", "presence"]
MAX_FACTS: Final = 60
"""Facts in one brief: the newest of each section."""


class EntityFact(Struct, frozen=True, omit_defaults=True):
    """One fact. `id` is its name in the brief, such as F3; `at`: Unix seconds; `channels`: what it was derived from."""

    section: Section
    channels: tuple[str, ...]
    text: Localized
    at: float | None = None
    offset: int | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class FactSubject:
    """The entity that facts are collected about, and the rights of the reader that they are for."""

    channel: str
    entity_type: str
    entity_id: str
    reader: Identity
    shown: Callable[[tuple[str, ...]], bool]
    """Returns True where facts derived from these channels may be shown to the reader now."""


class EntityFacts(Struct, frozen=True):
    """The facts that a generator is given: within the rights of the requester, numbered, newest first."""

    facts: tuple[EntityFact, ...]

    def of(self, section: Section) -> list[EntityFact]:
        """Return the facts of one section."""
        return [fact for fact in self.facts if fact.section == section]

    @property
    def ids(self) -> frozenset[str]:
        """The names of all facts."""
        return frozenset(fact.id for fact in self.facts)

    @property
    def channels(self) -> list[str]:
        """The channels that the facts were derived from."""
        return sorted({channel for fact in self.facts for channel in fact.channels})


def numbered(found: Iterable[EntityFact], shown: Callable[[tuple[str, ...]], bool]) -> EntityFacts:
    """Return the facts that may be shown, section by section and newest first, with their names F1, F2 …."""
    order: tuple[Section, ...] = ("health", "alerts", "tasks", "updates", "presence")
    allowed = [fact for fact in found if shown(fact.channels)]
    per_section = MAX_FACTS // len(order)
    kept: list[EntityFact] = []
    for section in order:
        of_section = sorted((fact for fact in allowed if fact.section == section), key=lambda fact: -(fact.at or 0.0))
        kept += of_section[:per_section]
    return EntityFacts(
        tuple(
            EntityFact(fact.section, fact.channels, fact.text, fact.at, fact.offset, f"F{number}")
            for number, fact in enumerate(kept, 1)
        )
    )
