"""The rules of relationships' scores and the words about them, as the configuration sets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.domain.relationships.words import HealthWords
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.recording.relationships.bands import HealthBands
from dossier_realtime.recording.relationships.scoring import HealthPolicy

if TYPE_CHECKING:
    from app.configuration.relationship_settings import RelationshipSettings


def health_policy(settings: RelationshipSettings) -> HealthPolicy:
    """Return the rules of scores. Raises ValueError, in one line, for settings that do not go together."""
    try:
        bands = HealthBands(settings.healthy_from, settings.monitor_from, settings.at_risk_from, settings.hysteresis)
    except ValueError as wrong:
        raise ValueError(f"relationships: {wrong}") from None
    weights = settings.engagement_weight + settings.commitment_weight + settings.response_weight
    if abs(weights - 1) > 1e-6:
        raise ValueError(f"relationships: the three weights are {weights:g} together; let them be 1")
    if settings.full_hours >= settings.zero_hours:
        raise ValueError("relationships.full_hours must be less than relationships.zero_hours")
    return HealthPolicy(
        bands,
        settings.engagement_weight,
        settings.commitment_weight,
        settings.response_weight,
        settings.engagements,
        settings.engagement_days,
        settings.commitment_days,
        settings.response_days,
        settings.full_hours,
        settings.zero_hours,
        settings.silence_days,
        settings.silence_score,
    )


def health_words(settings: RelationshipSettings) -> HealthWords:
    """Return the words about triggers, and the recommendations."""
    advice: dict[str, list[Localized]] = {}
    for row in settings.recommendations:
        advice.setdefault(row.on, []).append(Localized(row.en, row.ar))
    return HealthWords({row.name: Localized(row.en, row.ar) for row in settings.triggers}, advice)
