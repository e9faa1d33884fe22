"""The words about triggers and the recommendations of a relationship's health, from a table. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dossier_realtime.protocol.fields import Localized

if TYPE_CHECKING:
    from dossier_realtime.protocol.fields import Health

_DAYS: Final = re.compile(r"_([0-9]{1,5})_days\Z")
_NUMBER: Final = "{days}"


@dataclass(frozen=True)
class HealthWords:
    """The words of triggers by name, and recommendations by trigger and by status.

    A trigger that ends with a number of days, `no_interaction_90_days`, has the row `no_interaction`; in its words
    `{days}` stands for the number.
    """

    triggers: Mapping[str, Localized]
    advice: Mapping[str, Sequence[Localized]]

    def trigger(self, name: str) -> Localized | None:
        """Return the words of a trigger; None where the table has none."""
        found = _DAYS.search(name)
        days = found[1] if found else ""
        row = self.triggers.get(name) or self.triggers.get(_DAYS.sub("", name))
        return None if row is None else Localized(row.en.replace(_NUMBER, days), row.ar.replace(_NUMBER, days))

    def recommendations(self, trigger: str, status: Health) -> Sequence[Localized]:
        """Return the recommendations of a trigger and of a status, each once."""
        rows = self.advice.get(trigger) or self.advice.get(_DAYS.sub("", trigger)) or ()
        every = [*rows, *self.advice.get(status, ())]
        return [row for place, row in enumerate(every) if row not in every[:place]]
