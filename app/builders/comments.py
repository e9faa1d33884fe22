"""Comments on documents: the threads, their places, and the acceptance of suggestions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.services.commenting.comments import Comments
from app.services.commenting.ledger import CommentLedger
from app.services.commenting.places import CommentPlaces
from app.services.commenting.suggestions import Suggestions

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.instant import Instant
    from app.engine.ports.engine import Engine
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher


def comments_of(
    engine: Engine, publisher: EventPublisher, documents: Documents, clock: Callable[[], Instant]
) -> Comments:
    """Return the service of comments."""
    ledger = CommentLedger(engine.records, publisher, clock)
    places = CommentPlaces(engine.records, documents, engine.broker)
    return Comments(ledger, places, documents, Suggestions(ledger, places, documents))
