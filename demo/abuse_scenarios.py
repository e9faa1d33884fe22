"""Scenarios that break a rule on purpose. Each expects a refusal, and records a violation when it does not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient

from demo.content import texts
from demo.content.people import (
    ALERTS,
    CONSULTANT,
    CURIOUS,
    FLOODER,
    HOARDER,
    OPERATOR,
    SLOW_READER,
    STRANGER,
    STUBBORN,
    TINKERER,
    Person,
)
from demo.participant import event_of
from demo.raw_client import RawClient
from demo.scenario_context import ScenarioContext
from dossier_realtime.client import (
    AuthFailed,
    ConnectionClosed,
    DeniedError,
    DossierRealtimeClient,
    ErrorCode,
    Publisher,
    PublishError,
)
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.errors import CloseCode

_UPDATE = {
    "entity_type": "organization",
    "entity_id": "WB",
    "operation": "update",
    "fields_changed": ["economic_indicators"],
}
_FLOOD = 100, 20  # messages that the limit lets through at most; refusals after which the flood ends
_INVALID = 20  # invalid messages a minute that a connection survives
_CONNECTIONS = 10  # of one user
_CIRCULARS, _ROUNDS = 5, 90  # a request; and requests until the slow reader must have been given up


async def flood(context: ScenarioContext, rng: Random) -> None:
    """Send far more than 100 messages in a minute."""
    channel = "dossier:organization:WB"
    async with await _logged_in(context, FLOODER) as raw:
        accepted = refused = 0
        while refused < _FLOOD[1] and accepted <= _FLOOD[0]:
            await raw.send(event_of("dossier_update", _UPDATE, channel=channel, ref=str(uuid4())))
            answer = await raw.receive_type("ack", "error")
            if answer is None:
                break
            if answer["type"] == "ack":
                accepted += 1
                context.report.sent += 1
                context.report.record_ack(channel, answer["offset"])
            else:
                refused += 1
                limited = answer["error_code"] == ErrorCode.RATE_LIMIT_EXCEEDED
                context.report.record_refusal("rate.general", got=limited, of="a message of a flood")
        if refused == 0:
            context.report.record_violation(f"{accepted} messages at once were let through; the limit is {_FLOOD[0]}")
        await raw.send({"type": "ping"})
        if await raw.receive_type("pong") is None:
            context.report.record_violation(f"the flood was cut with {raw.close_code}, not only limited")


async def ask_for_the_forbidden(context: ScenarioContext, rng: Random) -> None:
    """Subscribe to a workspace, and publish, with the right to read countries only."""
    async with _client(context, CONSULTANT) as client:
        await client.subscribe("dossier:country:FR", on_message=_ignore).ready()
        asked = client.subscribe("workspace:agreements", on_message=_ignore, on_error=_ignore)
        await _refused(context, "grant.read", ErrorCode.SUBSCRIPTION_FAILED, asked.ready())
        update = event_of("dossier_update", {**_UPDATE, "entity_type": "country", "entity_id": "FR"})
        sending = client.send("dossier:country:FR", update)
        await _refused(context, "grant.write", ErrorCode.PERMISSION_DENIED, sending)
    async with Publisher(context.token(CONSULTANT), context.http) as publisher:
        try:
            await publisher.publish([{**update, "channel": "dossier:country:FR"}])
        except PublishError as no:
            context.report.record_refusal("http.403", got=no.status == 403, of="a consultant's publish")
        else:
            context.report.record_refusal("http.403", got=False, of="a consultant's publish")


async def ask_for_the_secret(context: ScenarioContext, rng: Random) -> None:
    """Subscribe to a secret dossier with the right to read it, but without the clearance."""
    async with _client(context, CURIOUS) as client:
        asked = client.subscribe("dossier:secret:negotiations", on_message=_ignore, on_error=_ignore)
        await _refused(context, "clearance", ErrorCode.SUBSCRIPTION_FAILED, asked.ready())


async def come_with_a_bad_token(context: ScenarioContext, rng: Random) -> None:
    """Log in with swapped claims and with a text that is no token; send a message before any login."""
    head, _, signature = context.token(STRANGER).split(".")
    _, claims, _ = context.token(OPERATOR).split(".")
    for token in (f"{head}.{claims}.{signature}", "not-a-token"):
        client = DossierRealtimeClient(token, context.url)
        try:
            await context.wait_handshake_turn()
            await client.connect()
        except AuthFailed as no:
            context.report.record_refusal("token", got=no.error_code is ErrorCode.INVALID_TOKEN, of="a bad token")
        else:
            context.report.record_refusal("token", got=False, of="a bad token")
        finally:
            await client.close()
    async with Publisher("not-a-token", context.http) as publisher:
        update = {**event_of("dossier_update", _UPDATE), "channel": "dossier:organization:WB"}
        try:
            await publisher.publish([update])
        except AuthFailed:
            context.report.record_refusal("token", got=True, of="a bad token over HTTP")
        else:
            context.report.record_refusal("token", got=False, of="a bad token over HTTP")
    await context.wait_handshake_turn()
    async with await RawClient.connect(context.url) as raw:
        await raw.send({"type": "subscribe", "channel": "global"})
        while await raw.receive() is not None:
            pass
        context.report.record_refusal(
            "auth.first", got=raw.close_code == CloseCode.AUTH_FAILED, of="a start without auth"
        )


_NONSENSE: tuple[tuple[str, ErrorCode, Mapping[str, Any] | str], ...] = (
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, "this is not JSON"),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, "[]"),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, {"channel": "global"}),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, {"type": "subscribed", "channel": "global"}),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, {"type": "subscribe"}),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, {"type": "subscribe", "channel": "dossier:country"}),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, {"type": "subscribe", "channel": "global", "params": {"x": 1}}),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, event_of("task_update", {}, channel="workspace:bilateral")),
    ("format", ErrorCode.INVALID_MESSAGE_FORMAT, event_of("dossier_update", _UPDATE, channel="workspace:bilateral")),
    ("grammar.namespace", ErrorCode.CHANNEL_NOT_FOUND, {"type": "subscribe", "channel": "archive:1975"}),
    (
        "not_subscribed",
        ErrorCode.PERMISSION_DENIED,
        event_of("presence_update", {"activity": "editing"}, channel="dossier:country:JP"),
    ),
    (
        "identity",
        ErrorCode.PERMISSION_DENIED,
        event_of(
            "dossier_update",
            {**_UPDATE, "updated_by": {"user_id": "nora.alqahtani", "name": "نورة القحطاني"}},
            channel="dossier:organization:WB",
        ),
    ),
)


async def send_nonsense(context: ScenarioContext, rng: Random) -> None:
    """Send one invalid message after another; the connection survives them all."""
    async with await _logged_in(context, TINKERER) as raw:
        for rule, code, message in _NONSENSE:
            await raw.send(message)
            answer = await raw.receive_type("error", "ack", "subscribed")
            got = answer is not None and answer.get("error_code") == code
            context.report.record_refusal(rule, got=got, of=str(message))
        await raw.send({"type": "ping"})
        if await raw.receive_type("pong") is None:
            context.report.record_violation(f"broken messages cost the connection ({raw.close_code})")


async def insist_on_nonsense(context: ScenarioContext, rng: Random) -> None:
    """Send invalid messages until the service closes the connection."""
    async with await _logged_in(context, STUBBORN) as raw:
        for number in range(_INVALID + 1):
            await raw.send({"type": "sing", "number": number})
            answer = await raw.receive_type("error")
            rule = "format" if number < _INVALID else "format.abuse"
            context.report.record_refusal(rule, got=answer is not None, of="an unknown message")
        if await raw.receive() is not None or raw.close_code != CloseCode.PROTOCOL_ABUSE:
            context.report.record_violation(
                f"{_INVALID + 1} invalid messages were closed with {raw.close_code}, not 4502"
            )


async def open_every_tab(context: ScenarioContext, rng: Random) -> None:
    """Open eleven connections of one user: the eleventh is refused and the ten stay."""
    tabs = [context.participant(HOARDER) for _ in range(_CONNECTIONS)]
    try:
        for tab in tabs:
            await context.wait_handshake_turn()
            await tab.connect()
        last = context.client(HOARDER)
        try:
            await context.wait_handshake_turn()
            await last.connect()
        except ConnectionClosed as no:
            context.report.record_refusal(
                "connections", got=no.code == CloseCode.CONNECTION_LIMIT, of="the eleventh tab"
            )
        else:
            context.report.record_refusal("connections", got=False, of="the eleventh tab")
        finally:
            await last.close()
    finally:
        await asyncio.gather(*(tab.close() for tab in tabs))


async def read_too_slowly(context: ScenarioContext, rng: Random) -> None:
    """Stop reading until the service closes the connection; then resume, and miss nothing."""
    if not context.is_local:
        return  # the line can only be stalled between here and here
    participant = context.participant(SLOW_READER, laptop=True)
    await context.wait_handshake_turn()
    await participant.connect()
    try:
        assert participant.proxy is not None  # noqa: S101  asked for, and the service is near
        session_id = participant.client.session_id or ""
        participant.expects_disconnect = True
        participant.proxy.stall()
        for number in range(_ROUNDS):
            pile = [_circular(number * _CIRCULARS + index) for index in range(_CIRCULARS)]
            await context.publish(ALERTS, pile)
            if number % 10 == 9 and session_id not in await _open_sessions(context):
                break
        else:
            context.report.record_violation("a reader who does not read was never given up")
            return
        participant.proxy.cut()
        await participant.wait_disconnected()
        participant.proxy.restore()
        await participant.wait_connected()
        if not await participant.wait_caught_up():
            context.report.record_violation("a reader who came back missed events")
    finally:
        await participant.close()


def _circular(number: int) -> dict[str, Any]:
    title, message = texts.circular(number)
    payload = {"id": str(uuid4()), "title": title, "message": message}
    return event_of("notification", payload, priority="low", channel=channels.user(SLOW_READER.user_id))


async def _open_sessions(context: ScenarioContext) -> str:
    """Return the operators' list of sessions, as text."""
    headers = {"Authorization": f"Bearer {context.token(OPERATOR)}"}
    response = await AsyncHTTPClient().fetch(f"{context.http}/v1/sessions", headers=headers)
    return response.body.decode()


async def _refused(context: ScenarioContext, rule: str, code: ErrorCode, attempt: Awaitable[object]) -> None:
    try:
        await attempt
    except DeniedError as no:
        context.report.record_refusal(rule, got=no.error_code is code, of="somebody without the right")
    else:
        context.report.record_refusal(rule, got=False, of="somebody without the right")


@asynccontextmanager
async def _client(context: ScenarioContext, person: Person) -> AsyncIterator[DossierRealtimeClient]:
    await context.wait_handshake_turn()
    async with context.client(person) as client:
        context.report.connections += 1
        yield client


async def _logged_in(context: ScenarioContext, person: Person) -> RawClient:
    await context.wait_handshake_turn()
    raw = await RawClient.connect(context.url)
    if await raw.login(context.token(person)):
        context.report.connections += 1
    else:
        context.report.record_violation(f"{person.user_id} could not log in")
    return raw


def _ignore(_: object) -> None:
    pass


ABUSE_SCENARIOS: dict[Callable[[ScenarioContext, Random], Awaitable[None]], float] = {
    ask_for_the_forbidden: 70,
    ask_for_the_secret: 80,
    come_with_a_bad_token: 90,
    flood: 75,
    send_nonsense: 100,
    read_too_slowly: 600,
    insist_on_nonsense: 120,
    open_every_tab: 110,
}
"""Each with the seconds until it happens again: more than a rate window, and long where it fills the history."""
