"""The node's record: journal entries, metrics and operators' rows of all that came in, was decided and went out."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from app.core.origin import Origin, origin_now
from app.journal.calls import Call, CallAnswer, Read
from app.journal.initiator import CallText
from app.node.operator_rows import OperatorRows
from app.telemetry.logs import Sample, Sampler
from app.telemetry.series import message_name
from dossier_realtime.protocol import channels, codec
from dossier_realtime.protocol.channels import is_channel
from dossier_realtime.protocol.codec import InvalidMessage
from dossier_realtime.protocol.commands import AcknowledgeAlert, Auth, CancelBrief, ChangeSettings, EditOperation
from dossier_realtime.protocol.inbound import InboundMessage
from dossier_realtime.protocol.namespaces import NAMESPACES
from dossier_realtime.recording.reading import HEAD_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.sessions.effects import Decision
    from app.engine.ports.events import Publication, PublishResult
    from app.journal.lanes import Waiting
    from app.journal.writer import Journal
    from app.node.connections.connection import Connection, DecodedMessage
    from app.telemetry.metrics import Metrics
    from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings
    from dossier_realtime.protocol.errors import ErrorCode
    from dossier_realtime.recording.entry import Audience, Detail, Kind
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


_log = structlog.get_logger("node")
_CHANGES = (InboundMessage, EditOperation, ChangeSettings, AcknowledgeAlert, CancelBrief)
_POLLED_CALL_SECONDS: Final = 60.0  # between two entries of one polled call


class Recorder:
    """One method an occurrence. Each is cheap and awaits nothing."""

    def __init__(self, journal: Journal, metrics: Metrics, policy: ChannelPolicy, aggregator: OpsAggregator) -> None:
        self._journal = journal
        self._metrics = metrics
        self._policy = policy
        self._aggregator = aggregator
        self._rows = OperatorRows(aggregator)
        self._sample = Sample(per_second=10)
        self._sampler = Sampler(each=10)
        self._polls = Sampler(each=1, seconds=_POLLED_CALL_SECONDS)

    def record_received(
        self, connection: Connection, payload: bytes, decoded: bytes, command: DecodedMessage, decision: Decision
    ) -> Waiting | None:
        """Record a message and the decision on it; return its entry, None where the journal had no room.

        The entry holds the message as it was decoded, without the fields that were ignored; of a long refused message
        the beginning; of a malformed one, and of a client that is not authenticated, a digest; of `auth` nothing.
        """
        session = connection.session
        known = None if isinstance(command, InvalidMessage | None) else command
        message = known.event if isinstance(known, InboundMessage) else known
        channel = getattr(command if message is None else message, "channel", None) or ""
        if message is None and not is_channel(channel):
            channel = ""  # in a malformed message any text may stand there
        if not decision.is_pending:
            self._metrics.judged(message_name(known), decision.rule)
        self._rows.judged(session.identity, decision)
        if isinstance(known, Auth):
            frame = None
        elif known is None or session.identity is None:
            frame = cut(payload)
        else:
            frame = cut(payload, decoded) if decision.rule and len(decoded) > HEAD_BYTES else decoded
        changes = isinstance(known, _CHANGES) and not decision.rule
        return self._journal.record(
            "refused" if decision.rule else "in",
            session=session.session_id or connection.connection_id,
            user=connection.user_id,
            channel=channel,
            rule=decision.rule,
            level=self.level_of(channel),
            type="" if message is None else codec.message_type(message),
            frame=frame,
            lane="events" if changes else "traffic",
        )

    def record_outcome(self, name: str, refused: ErrorCode | None) -> None:
        """Count a message that took time, carried out or refused."""
        self._metrics.settled(name, refused)

    def record_decision(self, connection: Connection, decision: Decision) -> None:
        """Record a decision that no message of the client caused: it ends the connection or takes rights."""
        self._metrics.refused(decision.rule)
        self._journal.record(
            "decided",
            session=connection.session.session_id or connection.connection_id,
            user=connection.user_id,
            rule=decision.rule,
            detail={"address": connection.address},
            **_caused(origin_now.get()),
        )

    def record_sent(self, connection: Connection, payload: bytes, type_: str, channel: str = "") -> None:
        """Record a message to one connection alone."""
        self._metrics.sent()
        self._aggregator.sent(payload)
        self._journal.record(
            "out",
            session=connection.session.session_id or connection.connection_id,
            user=connection.user_id,
            channel=channel,
            level=self.level_of(channel),
            type=type_,
            frame=payload,
        )

    def record_report(self) -> None:
        """Count a report to an operator. It has no entry: it holds states, and an idle node would write for ever."""
        self._metrics.sent()

    def record_replay(self, connection: Connection, channel: str, page: Sequence[Publication]) -> None:
        """Record stored events to one connection, in one entry: the events themselves stand in the journal as fan-outs.

        Call it before they are queued: what the queueing causes stands behind it.
        """
        self._metrics.totals["sent"] += len(page)
        first, last = page[0], page[-1]
        detail: Detail = {"first": first.offset, "last": last.offset, "count": len(page)}
        self._journal.record(
            "replayed",
            session=connection.session.session_id,
            user=connection.user_id,
            channel=channel,
            epoch=first.epoch,
            level=self.level_of(channel),
            detail=detail,
        )

    def record_delivery(self, publication: Publication, receivers: int, origin: Origin | None) -> None:
        """Record a publication to the live connections of its channel, without those that its rules exclude.

        Call it before it is queued: what the queueing causes stands behind it.
        """
        self._metrics.delivered(receivers)
        self._record_event("fanout", publication, receivers, origin)

    def record_undelivered(self, publication: Publication, origin: Origin | None) -> None:
        """Record an event that this node committed and that nobody is to receive now."""
        self._record_event("recovered", publication, 0, origin)

    def _record_event(self, kind: Kind, publication: Publication, receivers: int, origin: Origin | None) -> None:
        self._count_event(publication)
        self._journal.record(
            kind,
            channel=publication.channel,
            offset=publication.offset,
            epoch=publication.epoch,
            commit=publication.commit,
            exclude_user=publication.delivery.exclude_user,
            exclude_connection=publication.delivery.exclude_connection,
            level=self.level_of(publication.channel),
            receivers=receivers,
            type=codec.type_of(publication.frame),
            frame=publication.frame,
            **_caused(origin),
        )

    def _count_event(self, publication: Publication) -> None:
        if publication.commit and not channels.is_in(publication.channel, "document"):
            # Here, as a replay counts them: whoever published, a client, a program or the service itself.
            self._metrics.totals["published"] += 1
            self._aggregator.count("nodes", "events")

    def record_written(self, seconds: float, now: float, receivers: int) -> None:
        """Count the receivers for which the kernel took an event, `seconds` after the service accepted it."""
        self._metrics.delivery_seconds.observe(seconds, receivers)
        self._metrics.delivery_minute.observe(seconds, now, receivers)

    def record_presence_change(
        self, channel: str, payload: bytes, type_: str, receivers: int, exclude_user: str, by: str
    ) -> None:
        """Record a change of presence to the channel's watchers. Call it before it is queued."""
        self._metrics.delivered(receivers)
        self._journal.record(
            "fanout",
            channel=channel,
            audience="presence",
            exclude_user=exclude_user,
            level=self.level_of(channel),
            receivers=receivers,
            type=type_,
            by=by,
            frame=payload,
        )

    def record_attached(
        self, connection: Connection, channel: str, audience: Audience = "all", *, hidden: bool = False
    ) -> None:
        """Record that from here on the connection receives the channel's fan-outs to this audience."""
        self._journal.record(
            "attach",
            session=connection.session.session_id,
            user=connection.user_id,
            channel=channel,
            level=self.level_of(channel),
            audience=audience,
            detail={"hidden": True} if hidden else None,
        )

    def record_detached(self, connection: Connection, channel: str, audience: Audience = "all") -> None:
        """Record that from here on the connection does not receive the channel's fan-outs to this audience."""
        self._journal.record(
            "detach",
            session=connection.session.session_id,
            user=connection.user_id,
            channel=channel,
            level=self.level_of(channel),
            audience=audience,
        )

    def record_detached_all(self, connection: Connection) -> None:
        """Record that from here on the connection receives nothing, in one entry without a channel: it ended."""
        self._journal.record("detach", session=connection.session.session_id, user=connection.user_id)

    def record_settings(self, channel: str, settings: ChannelSettings) -> None:
        """Record that from here on these settings are in force on the channel."""
        detail: Detail = {"presence": settings.presence, "history": settings.history, "frozen": settings.frozen}
        if settings.read_only_until is not None:
            detail["read_only_until"] = settings.read_only_until
        self._journal.record(
            "settings", channel=channel, level=settings.level.label, detail=detail, **_caused(origin_now.get())
        )

    def record_published(self, results: Sequence[PublishResult], seconds: float) -> None:
        """Observe the time that events took: they are durable and delivered `seconds` after they were accepted."""
        if not all(result.repeated for result in results):
            self._metrics.publish_seconds.observe(seconds)

    def record_edit(self) -> None:
        """Count a committed edit of a document."""
        self._metrics.totals["edits"] += 1
        self._aggregator.count("nodes", "edits")

    def record_raised_limit(self, user_id: str, name: str, seconds: int) -> None:
        """Record that the user's limits are raised for `seconds` from here on; 0 restores them."""
        if not seconds:
            self._rows.restored(user_id, name)
        self._journal.record("lifted", user=user_id, detail={"seconds": seconds}, **_caused(origin_now.get()))

    def record_revocation(self, token_id: str | None, user_id: str | None, until: float) -> None:
        """Record that a token, or a user's tokens issued until `until` (Unix seconds), are revoked."""
        self._rows.revoked(token_id, user_id, until)

    def record_disconnection(self, user_id: str) -> None:
        """Record that an operator ended all sessions of a user, who may come back."""
        self._rows.disconnected(user_id)

    def record_pause(self) -> None:
        """Count a pause in reading or answering a client that was refused often."""
        self._metrics.totals["pauses"] += 1

    def record_call(self, call: Call) -> None:
        """Count an HTTP call that was answered; record it if its caller is known or failed to authenticate."""
        status, read, who = call.answer.status, call.answer.read, call.initiator
        self._metrics.requested(call.method, status)
        if (who.user_id or status == 401) and self._keeps(call, time.monotonic()):
            self._journal.record(
                "http",
                user=who.user_id,
                channel="" if read is None else read.channel,
                level=call.level,
                via=who.via,
                cause=call.answer.act,
                detail=call.detail(),
            )
            for other in call.answer.also:
                self._record_also_read(call, other)

    def _record_also_read(self, call: Call, read: Read) -> None:
        """Record a text that a call gave out beside that of the document in its path.

        The entry names the other document alone: its readers learn of the read, and not with which text it was read.
        """
        path = f"/v1/documents/{channels.identifier(read.channel)}"
        other = replace(call, path=path, answer=CallAnswer(call.answer.status, call.answer.act, read), text=CallText())
        self._journal.record(
            "http", user=call.initiator.user_id, channel=read.channel, via=call.initiator.via, detail=other.detail()
        )

    def _keeps(self, call: Call, now: float) -> bool:
        """Return whether the call gets an entry of its own.

        Of refusals the first ones in a second do, of polled calls one a minute, of all others each.
        """
        if call.answer.status >= 400:
            return self._sampler.allows(f"http {call.answer.status}", call.initiator.address, now)
        if not call.polled:
            return True
        return self._polls.allows(f"poll {call.path[:80]} {call.initiator.user_id}", call.initiator.address, now)

    def record_opened(self, connection: Connection) -> None:
        """Record a session that was opened or resumed."""
        self._metrics.opened()
        self._aggregator.count("sessions", "opened")
        self._journal.record(
            "open",
            session=connection.session.session_id,
            user=connection.user_id,
            detail={
                **_rights(connection),
                "address": connection.address,
                "connection": connection.connection_id,
                "reconnect_count": connection.session.reconnect_count,
            },
        )

    def record_renewed(self, connection: Connection) -> None:
        """Record that the session goes on with another token of the same user."""
        self._journal.record(
            "renewed",
            session=connection.session.session_id,
            user=connection.user_id,
            detail=_rights(connection),
        )

    def record_connected(self, connections: int) -> None:
        """Count a connection whose handshake was completed."""
        self._metrics.connections.set(connections)

    def record_tick(self, late: float) -> None:
        """Measure that the loop came to its deadlines `late` seconds late; record what samplers counted."""
        self._metrics.loop_lag.set(late)
        now = time.monotonic()
        for sampler in (self._sampler, self._polls):
            if told := sampler.counted(now):
                self._journal.record("sampled", detail=dict(told))

    def record_refused_token(self, address: str, reason: str, steady: float) -> None:
        """Count a refused token. The log gets at most ten a second, so that guessed tokens cannot fill the disk."""
        self._metrics.totals["tokens_refused"] += 1
        self._aggregator.count("errors", "token_refused")
        if self._sample.allows(steady):
            _log.info("token refused", address=address, reason=reason)

    def record_closed(self, connection: Connection, connections: int) -> None:
        """Record a closed socket. Its `unsent` messages never wholly left the queue."""
        code, reason = connection.closing or (1006, "")
        self._metrics.connections.set(connections)
        self._metrics.closed(code)
        self._aggregator.count("sessions", "closed")
        known = connection.session.session_id
        if not known and not self._sampler.allows("close of a stranger", connection.address, time.monotonic()):
            return
        self._journal.record(
            "close",
            session=connection.session.session_id or connection.connection_id,
            user=connection.user_id,
            detail={
                "code": code,
                "reason": reason,
                "unsent": connection.outbox.dropped,
                "connection": connection.connection_id,
            },
        )

    def record_conflated(self, connection: Connection, places: Sequence[int]) -> None:
        """Record that waiting messages were dropped for later ones: those at `places`, 0 being the newest."""
        self._metrics.conflated(len(places))
        self._journal.record(
            "conflated",
            session=connection.session.session_id,
            user=connection.user_id,
            detail={"places": " ".join(map(str, places))},
        )

    def level_of(self, channel: str) -> str:
        """Return the channel's level now, "" for what names no channel."""
        return self._policy.settings(channel).level.label if channels.namespace(channel) in NAMESPACES else ""


def _caused(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {}
    return {"by": origin.user_id, "via": origin.via, "cause": origin.cause}


def _rights(connection: Connection) -> Detail:
    identity = connection.session.identity
    assert identity is not None  # noqa: S101  opened sessions have one
    return {
        "name": identity.name,
        "role": identity.role,
        "clearance": identity.clearance.label,
        "permissions": identity.permissions,
        "expires_at": identity.expires_at,
    }
