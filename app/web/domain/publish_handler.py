"""`POST /v1/publish`: the HTTP twin of sending events (docs/protocol.md#publishing-over-http)."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from app.core import authorization
from app.journal.acts import Act
from app.services.errors import DomainFactError, KeyConflict, Unavailable
from app.services.publisher import IdempotencyKey
from app.services.quotas import QuotaExceeded
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import ChannelField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.journal.acts import Verb
    from dossier_realtime.protocol.authorization import Identity
    from dossier_realtime.protocol.events import Publishable

MAX_EVENTS = 100
MAX_TARGETS = 1000  # events times channels
_OF_THE_CHANNEL = frozenset({"$.channel", "$.type"})
"""The paths of faults that an event has for one of its channels. A missing right has `$`, as the id of another has."""
_KEY = re.compile(r"[\x21-\x7e]{1,64}")


class _Batch(msgspec.Struct):
    events: list[msgspec.Raw]


class _Targets(msgspec.Struct):
    channel: ChannelField | None = None
    channels: list[ChannelField] | None = None


_targets = msgspec.json.Decoder(_Targets)


class BatchError(Exception):
    """An error for which a batch is refused as a whole; `index` and `path` name its place."""

    def __init__(
        self, status: int, code: ErrorCode, message: str, index: int | None = None, path: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.index, self.path = status, code, message, index, path


class PublishHandler(AuthenticatedHandler):
    """Publication of a batch: all events or none; 200 when they are durable."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"post": ("publish",)}

    _indices: list[int]  # `post` sets it before anything reads it

    async def post(self) -> None:
        """Publish the batch."""
        identity = await self.authenticate()
        if identity is None:
            return
        publisher = self.context.domain.publisher
        started = self.now()
        self._indices = []
        try:
            key = self._key()
            events, digest = await self._events(identity)
            named = None if key is None else IdempotencyKey(identity.user_id, key, digest)
            channels = tuple(dict.fromkeys(channel for channel, _ in events))
            only = channels[0] if len(channels) == 1 else ""
            self.require(
                lambda: all(authorization.send_denial(self.policy, identity, name) is None for name in channels)
            )
            await self.act(Act("publish", "events", str(len(events)), only, channels=channels))
            results = await publisher.publish(events, identity, named)
        except BatchError as no:
            self.refuse(no.status, no.code, no.message, index=no.index, path=no.path)
        except QuotaExceeded as enough:
            if enough.retry_after is None:
                self.refuse(400, enough.code, str(enough), path="$.events")
            else:
                self.set_header("Retry-After", str(enough.retry_after))
                self.refuse(429, enough.code, str(enough))
        except KeyConflict:
            text = "This Idempotency-Key was used with another body; make a new one"
            self.refuse(409, ErrorCode.INVALID_MESSAGE_FORMAT, text)
        except DomainFactError as refused:
            subjects = [_subject(event) for _, event in events]
            index = self._indices[subjects.index(refused.subject)]
            path = _within(index, refused.path)
            status = 403 if refused.code is ErrorCode.PERMISSION_DENIED else 400
            self.refuse(status, refused.code, str(refused), index=index, path=path)
        except Unavailable:
            self.unavailable()
        else:
            self.record_published(results, started)
            self.unchanged = all(result.repeated for result in results)
            places = [{"channel": p.channel, "offset": p.offset, "epoch": p.epoch} for p in results]
            self.answer({"results": places})

    def _key(self) -> str | None:
        keys = self.request.headers.get_list("Idempotency-Key")
        if not keys:
            return None
        if len(keys) > 1 or _KEY.fullmatch(keys[0]) is None:
            text = "An Idempotency-Key is one header of 1 to 64 ASCII characters without blanks; send a UUID"
            raise BatchError(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
        return keys[0]

    async def _events(self, identity: Identity) -> tuple[list[tuple[str, Publishable]], bytes]:
        digest = sha256()
        events: list[tuple[str, Publishable]] = []
        read: list[tuple[Publishable, list[tuple[str, str]]]] = []
        targets, most = 0, self._most(identity)
        for index, raw in enumerate(self._raw_events()):
            read.append(_read(index, bytes(raw)))
            targets += len(read[-1][1])
            if targets > MAX_TARGETS:
                raise _bad(f"More than {MAX_TARGETS} events in all; send fewer at once", "$.channels", index)
            if targets > most:  # no window is long enough: waiting would not help
                path = "$.channels" if len(read[-1][1]) > 1 else "$"
                raise _bad(f"Each channel of an event is a message; send at most {most} at once", path, index)
        await self._count(identity, targets - 1)  # the call itself was the first
        for index, (event, channels) in enumerate(read):
            for channel, place in channels:
                copy: Any = msgspec.structs.replace(event, channel=channel, payload=_copy(event.payload))
                digest.update(codec.encode(copy))  # the same as over the socket, so that a key is valid for both
                self._judge(index, copy, channel, identity, place)
                events.append((channel, copy))
                self._indices.append(index)
        return events, digest.digest()

    def _most(self, identity: Identity) -> int:
        """Return the number of messages in a whole window: more can never be sent at once."""
        return self.context.access.callers.limit_of(identity, "general")

    async def _count(self, identity: Identity, messages: int) -> None:
        """Charge one message for every channel of every event. Raises BatchError."""
        callers = self.context.access.callers
        await callers.cover(identity, "general", messages)
        verdict = callers.spend(identity, "general", messages)
        if not verdict.allowed:
            self.set_header("Retry-After", str(verdict.reset_in))
            text = f"Each channel of an event is a message, {verdict.limit} a window; send fewer, or wait"
            raise BatchError(429, ErrorCode.RATE_LIMIT_EXCEEDED, f"{text} {verdict.reset_in} s")

    def _raw_events(self) -> list[msgspec.Raw]:
        try:
            raw_events = codec.decode_body(bytes(self.body), _Batch).events
        except codec.InvalidMessage as wrong:
            raise _bad(wrong.reason, wrong.path) from None
        if not 1 <= len(raw_events) <= MAX_EVENTS:
            raise _bad(f"Send 1 to {MAX_EVENTS} events at once", "$.events")
        return raw_events

    def _judge(self, index: int, event: Publishable, channel: str, identity: Identity, place: str) -> None:
        """Check an event for the channel that stands at `place` in it. Raises BatchError."""
        policy, timestamp = self.policy, self.context.access.clock().timestamp
        denial = (
            authorization.channel_denial(channel)
            or authorization.carried_denial(event, channel)
            or authorization.send_denial(policy, identity, channel)
            or authorization.stamp_denial(event, identity, timestamp)
        )
        if denial is not None:
            status = 403 if denial.code is ErrorCode.PERMISSION_DENIED else 400
            path = place if denial.path in _OF_THE_CHANNEL and place != "$.channel" else denial.path
            raise BatchError(status, denial.code, denial.text, index, _within(index, path))


def _read(index: int, raw: bytes) -> tuple[Publishable, list[tuple[str, str]]]:
    """Return one event and the channels that it goes to, each with its JSON path. Raises BatchError."""
    try:
        event = codec.decode_inbound(raw).event
        targets = _targets.decode(raw)
    except codec.InvalidMessage as wrong:
        raise _bad(wrong.reason, wrong.path, index) from None
    except msgspec.DecodeError as wrong:
        raise _bad(*codec.reason(wrong), index=index) from None
    if (targets.channel is None) == (not targets.channels):
        raise _bad("An event has either a channel or channels, one at least", "$.channel", index)
    if targets.channel is not None:
        return event, [(targets.channel, "$.channel")]
    return event, [(name, f"$.channels[{place}]") for place, name in enumerate(targets.channels or ())]


def _subject(event: Publishable) -> str:
    """Return the id of the brief, commitment, task or notification that an event is about."""
    payload: Any = event.payload
    named = (getattr(payload, name, None) for name in ("commitment_id", "task_id", "id"))
    return str(getattr(event, "request_id", None) or next(filter(None, named), ""))


def _copy(payload: Any) -> Any:
    return msgspec.structs.replace(payload)


def _within(index: int, path: str) -> str:
    return f"$.events[{index}]{path.removeprefix('$')}"


def _bad(text: str, path: str, index: int | None = None) -> BatchError:
    if index is not None:
        path = _within(index, path)
    return BatchError(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, index, path)
