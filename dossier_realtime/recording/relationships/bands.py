"""The bands of a score, and the change from one to another with hysteresis (docs/protocol.md#relationships). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dossier_realtime.protocol.fields import Health

MAX_SCORE: Final = 100
ORDER: Final[tuple[Health, ...]] = ("critical", "at_risk", "monitor", "healthy")
"""The bands, the worst first."""


@dataclass(frozen=True, slots=True)
class HealthBands:
    """The lowest score of each band, and the points by which a score must leave its band to change the status.

    Raises ValueError where the bands do not rise.
    """

    healthy_from: int = 80
    monitor_from: int = 60
    at_risk_from: int = 40
    hysteresis: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.at_risk_from < self.monitor_from < self.healthy_from <= MAX_SCORE:
            raise ValueError("at_risk_from, monitor_from and healthy_from rise, from 1 to 100")
        if not 0 <= self.hysteresis <= MAX_SCORE:
            raise ValueError(f"hysteresis is a number of points from 0 to {MAX_SCORE}")

    def band(self, score: int) -> Health:
        """Return the band that a score is in."""
        lows = self._lows
        return next(ORDER[place] for place in reversed(range(len(ORDER))) if score >= lows[place])

    def status(self, score: int, before: Health | None) -> Health:
        """Return the status of a score, given the status before; None: there was none.

        The status stays until the score is below its band by more than the hysteresis, or above it by as much: with 2
        points, healthy (from 80) stays at 78 and ends at 77; it begins again at 82. Both ends of the scale count in any
        case: 0 is critical, 100 is healthy.
        """
        if before is None:
            return self.band(score)
        place = ORDER.index(before)
        lows = self._lows
        least = max(lows[place] - self.hysteresis, 1) if place else 0
        above = lows[place + 1] + self.hysteresis if place + 1 < len(ORDER) else MAX_SCORE + 1
        if least <= score < (above if place + 1 == len(ORDER) else min(above, MAX_SCORE)):
            return before
        return self.band(score)

    @property
    def _lows(self) -> tuple[int, int, int, int]:
        return 0, self.at_risk_from, self.monitor_from, self.healthy_from
