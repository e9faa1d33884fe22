"""Events that a client publishes: stored, delivered, then acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.domain.errors import DomainFactError
from app.engine.ports.errors import KeyConflict, Unavailable
from app.engine.ports.events import IdempotencyKey
from app.node.effects.replies import acknowledge, refuse, refuse_busy
from app.services.quotas import QuotaExceeded
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.core.sessions.effects import Publish
    from app.node.connections.connection import Connection
    from app.node.effects.context import EffectContext

_KEY_REUSED = "This idempotency_key was used with another body; make a new one (at $.idempotency_key)"


async def publish(context: EffectContext, connection: Connection, effect: Publish) -> ErrorCode | None:
    """Publish the event, and acknowledge it after the commit; return the code of a refusal."""
    inbound, identity = effect.inbound, connection.session.identity
    channel = inbound.event.channel
    assert channel is not None and identity is not None  # noqa: S101, PT018  the session checked
    if context.rights.is_revoked(connection):
        return ErrorCode.INVALID_TOKEN
    key, started = None, connection.now.steady
    if inbound.idempotency_key is not None and effect.digest is not None:
        key = IdempotencyKey(connection.user_id, inbound.idempotency_key, effect.digest)
    try:
        results = await context.services.publisher.publish([(channel, inbound.event)], identity, key)
    except QuotaExceeded as enough:
        wait = enough.retry_after
        return refuse(connection, enough.code, str(enough), inbound.ref, channel, retry_after=wait)
    except KeyConflict:
        return refuse(connection, ErrorCode.INVALID_MESSAGE_FORMAT, _KEY_REUSED, inbound.ref, channel)
    except DomainFactError as refused:
        text = str(refused)
        if refused.code is ErrorCode.INVALID_MESSAGE_FORMAT:
            text = f"{text} (at {refused.path})"
        return refuse(connection, refused.code, text, inbound.ref, channel)
    except Unavailable:
        return refuse_busy(connection, inbound.ref, channel)
    context.recorder.record_published(results, connection.now.steady - started)
    acknowledge(connection, inbound.ref, channel, results[0])
    return None
