"""Publishing over HTTP (`POST /v1/publish`), for programs that publish and do not subscribe.

Source: docs/protocol.md#publishing-over-http.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Self
from uuid import uuid4

import msgspec

from .errors import ConnectFailed, PublishError
from .io.endpoint import TokenSource
from .io.http_calls import HttpCalls, is_passing
from .state.backoff import Backoff
from .state.outbound_frames import Message, body_of

MAX_EVENTS = 100  # in one request


class Published(msgspec.Struct, frozen=True):
    """The position of an accepted event; `offset` and `epoch` are set where its channel keeps history."""

    channel: str
    offset: int | None = None
    epoch: str | None = None


class _PublishResponse(msgspec.Struct):
    results: list[Published]


class Publisher:
    """A publisher of events for the user whom the token names.

        async with Publisher(token, "https://realtime.example") as publisher:
            await publisher.publish([{"channel": "dossier:country:SA", "type": "dossier_update", "payload": {…}}])

    `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. A request is tried up to `attempts`
    times, each within `timeout` seconds. Between two attempts it waits as long as the server asks for; where that is
    more than `longest_wait` seconds, it raises instead.
    """

    def __init__(
        self,
        token: TokenSource,
        base_url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
        attempts: int = 5,
        longest_wait: float = 60.0,
    ) -> None:
        self._calls = HttpCalls(token, base_url, insecure=insecure, ssl_context=ssl_context, timeout=timeout)
        self._attempts = attempts
        self._longest_wait = longest_wait

    async def publish(self, events: Sequence[Message], *, idempotency_key: str | None = None) -> list[Published]:
        """Publish 1 to 100 events, all or nothing; each names its `channel` or `channels`.

        Every attempt carries the same idempotency key, so that the events take effect once.

        Raises:
            TypeError: for one event in place of a list.
            ValueError: for no event, or too many.
            PublishError: with the index of the faulty event and the path of the faulty field.
            AuthFailed, ConnectFailed: after the last attempt.
        """
        given: object = events
        if isinstance(given, Mapping | str | bytes) or not isinstance(given, Sequence):
            raise TypeError(f"publish takes a list of events, not a {type(given).__name__}; write [event]")
        if not 0 < len(events) <= MAX_EVENTS:
            raise ValueError(f"One request takes 1 to {MAX_EVENTS} events; split them up")
        body = msgspec.json.encode({"events": [body_of(event) for event in events]})
        key = idempotency_key or uuid4().hex
        backoff = Backoff()
        for attempt in count(1):
            try:
                return await self._attempt(body, key)
            except (ConnectFailed, PublishError) as failed:
                wait = failed.retry_after or 0.0
                if not is_passing(failed) or attempt >= self._attempts or wait > self._longest_wait:
                    raise
            await asyncio.sleep(wait + backoff.delay(random.random()))  # noqa: S311  jitter, no secret
        raise AssertionError("count() does not end")

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _attempt(self, body: bytes, key: str) -> list[Published]:
        answer = await self._calls.call("POST", "/v1/publish", body, {"Idempotency-Key": key})
        return msgspec.json.decode(answer, type=_PublishResponse).results
