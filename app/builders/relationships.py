"""The health of relationships, built from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.configuration.health_policy import health_policy, health_words
from app.services.document_access import DocumentAccess
from app.services.relationships.health import HealthRules, RelationshipHealth
from app.services.relationships.reading import RelationshipReading
from app.web.handler_context import RelationshipServices

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.configuration.relationship_settings import RelationshipSettings
    from app.engine.ports.engine import Engine
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.classification import ChannelPolicy


def relationship_parts(
    engine: Engine,
    settings: RelationshipSettings,
    publisher: EventPublisher,
    policy: ChannelPolicy,
    now: Callable[[], float],
) -> RelationshipServices:
    """Return the services of relationships under the rules that are configured."""
    rules = HealthRules(health_policy(settings), health_words(settings))
    health = RelationshipHealth(engine.records, publisher, policy, DocumentAccess(engine.broker, policy), rules, now)
    return RelationshipServices(health, RelationshipReading(engine.records, publisher, policy, rules))
