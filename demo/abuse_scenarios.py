"""People who do not behave, on purpose. Each expects to be refused, and says so when it is not."""

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
from demo.raw_client import WireClient
from demo.scenario_context import Stage
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


async def flood(stage: Stage, rng: Random) -> None:
    """An import without brakes: far more than 100 messages in a minute."""
    channel = "dossier:organization:WB"
    async with await _logged_in(stage, FLOODER) as wire:
        accepted = refused = 0
        while refused < _FLOOD[1] and accepted <= _FLOOD[0]:
            await wire.say(event_of("dossier_update", _UPDATE, channel=channel, ref=str(uuid4())))
            answer = await wire.hear_type("ack", "error")
            if answer is None:
                break
            if answer["type"] == "ack":
                accepted += 1
                stage.facts.sent += 1
                stage.facts.acked(channel, answer["offset"])
            else:
                refused += 1
                limited = answer["error_code"] == ErrorCode.RATE_LIMIT_EXCEEDED
                stage.facts.refusal("rate.general", got=limited, of="a message of a flood")
        if refused == 0:
            stage.facts.surprise(f"{accepted} messages at once were let through; the limit is {_FLOOD[0]}")
        await wire.say({"type": "ping"})
        if await wire.hear_type("pong") is None:
            stage.facts.surprise(f"the flood was cut with {wire.close_code}, not only limited")


async def ask_for_the_forbidden(stage: Stage, rng: Random) -> None:
    """A consultant who may read countries tries a workspace, and to write."""
    async with _client(stage, CONSULTANT) as client:
        await client.subscribe("dossier:country:FR", on_message=_ignore).ready()
        asked = client.subscribe("workspace:agreements", on_message=_ignore, on_error=_ignore)
        await _refused(stage, "grant.read", ErrorCode.SUBSCRIPTION_FAILED, asked.ready())
        update = event_of("dossier_update", {**_UPDATE, "entity_type": "country", "entity_id": "FR"})
        sending = client.send("dossier:country:FR", update)
        await _refused(stage, "grant.write", ErrorCode.PERMISSION_DENIED, sending)
    async with Publisher(stage.token(CONSULTANT), stage.http) as publisher:
        try:
            await publisher.publish([{**update, "channel": "dossier:country:FR"}])
        except PublishError as no:
            stage.facts.refusal("http.403", got=no.status == 403, of="a consultant's publish")
        else:
            stage.facts.refusal("http.403", got=False, of="a consultant's publish")


async def ask_for_the_secret(stage: Stage, rng: Random) -> None:
    """A reader of every dossier, but not cleared for this one."""
    async with _client(stage, CURIOUS) as client:
        asked = client.subscribe("dossier:secret:negotiations", on_message=_ignore, on_error=_ignore)
        await _refused(stage, "clearance", ErrorCode.SUBSCRIPTION_FAILED, asked.ready())


async def come_with_a_bad_token(stage: Stage, rng: Random) -> None:
    """A token whose claims were swapped, no token at all, and no login at all."""
    head, _, signature = stage.token(STRANGER).split(".")
    _, claims, _ = stage.token(OPERATOR).split(".")
    for token in (f"{head}.{claims}.{signature}", "not-a-token"):
        client = DossierRealtimeClient(token, stage.url)
        try:
            await stage.turn()
            await client.connect()
        except AuthFailed as no:
            stage.facts.refusal("token", got=no.error_code is ErrorCode.INVALID_TOKEN, of="a bad token")
        else:
            stage.facts.refusal("token", got=False, of="a bad token")
        finally:
            await client.close()
    async with Publisher("not-a-token", stage.http) as publisher:
        update = {**event_of("dossier_update", _UPDATE), "channel": "dossier:organization:WB"}
        try:
            await publisher.publish([update])
        except AuthFailed:
            stage.facts.refusal("token", got=True, of="a bad token over HTTP")
        else:
            stage.facts.refusal("token", got=False, of="a bad token over HTTP")
    await stage.turn()
    async with await WireClient.dial(stage.url) as wire:
        await wire.say({"type": "subscribe", "channel": "global"})
        while await wire.hear() is not None:
            pass
        stage.facts.refusal("auth.first", got=wire.close_code == CloseCode.AUTH_FAILED, of="a start without auth")


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


async def send_nonsense(stage: Stage, rng: Random) -> None:
    """One broken message after the other; the connection survives them all."""
    async with await _logged_in(stage, TINKERER) as wire:
        for rule, code, message in _NONSENSE:
            await wire.say(message)
            answer = await wire.hear_type("error", "ack", "subscribed")
            got = answer is not None and answer.get("error_code") == code
            stage.facts.refusal(rule, got=got, of=str(message))
        await wire.say({"type": "ping"})
        if await wire.hear_type("pong") is None:
            stage.facts.surprise(f"broken messages cost the connection ({wire.close_code})")


async def insist_on_nonsense(stage: Stage, rng: Random) -> None:
    """A faulty client that never learns is shown the door."""
    async with await _logged_in(stage, STUBBORN) as wire:
        for number in range(_INVALID + 1):
            await wire.say({"type": "sing", "number": number})
            answer = await wire.hear_type("error")
            rule = "format" if number < _INVALID else "format.abuse"
            stage.facts.refusal(rule, got=answer is not None, of="an unknown message")
        if await wire.hear() is not None or wire.close_code != CloseCode.PROTOCOL_ABUSE:
            stage.facts.surprise(f"{_INVALID + 1} invalid messages were closed with {wire.close_code}, not 4502")


async def open_every_tab(stage: Stage, rng: Random) -> None:
    """Ten connections are enough for anybody; the eleventh is turned away and the ten stay."""
    tabs = [stage.desk(HOARDER) for _ in range(_CONNECTIONS)]
    try:
        for tab in tabs:
            await stage.turn()
            await tab.arrive()
        last = stage.client(HOARDER)
        try:
            await stage.turn()
            await last.connect()
        except ConnectionClosed as no:
            stage.facts.refusal("connections", got=no.code == CloseCode.CONNECTION_LIMIT, of="the eleventh tab")
        else:
            stage.facts.refusal("connections", got=False, of="the eleventh tab")
        finally:
            await last.close()
    finally:
        await asyncio.gather(*(tab.leave() for tab in tabs))


async def read_too_slowly(stage: Stage, rng: Random) -> None:
    """A line so slow that the service gives the connection up; then it returns, and has missed nothing."""
    if not stage.is_near:
        return  # the line can only be stalled between here and here
    desk = stage.desk(SLOW_READER, laptop=True)
    await stage.turn()
    await desk.arrive()
    try:
        assert desk.link is not None  # noqa: S101  asked for, and the service is near
        session_id = desk.client.session_id or ""
        desk.shaky = True
        desk.link.stall()
        for number in range(_ROUNDS):
            pile = [_circular(number * _CIRCULARS + index) for index in range(_CIRCULARS)]
            await stage.publish(ALERTS, pile)
            if number % 10 == 9 and session_id not in await _open_sessions(stage):
                break
        else:
            stage.facts.surprise("a reader who does not read was never given up")
            return
        desk.link.cut()
        await desk.broken()
        desk.link.restore()
        await desk.back()
        if not await desk.caught_up():
            stage.facts.surprise("a reader who came back missed events")
    finally:
        await desk.leave()


def _circular(number: int) -> dict[str, Any]:
    title, message = texts.circular(number)
    payload = {"id": str(uuid4()), "title": title, "message": message}
    return event_of("notification", payload, priority="low", channel=channels.user(SLOW_READER.user_id))


async def _open_sessions(stage: Stage) -> str:
    """What the service tells an operator of all sessions, as it stands."""
    headers = {"Authorization": f"Bearer {stage.token(OPERATOR)}"}
    response = await AsyncHTTPClient().fetch(f"{stage.http}/v1/sessions", headers=headers)
    return response.body.decode()


async def _refused(stage: Stage, rule: str, code: ErrorCode, attempt: Awaitable[object]) -> None:
    try:
        await attempt
    except DeniedError as no:
        stage.facts.refusal(rule, got=no.error_code is code, of="somebody without the right")
    else:
        stage.facts.refusal(rule, got=False, of="somebody without the right")


@asynccontextmanager
async def _client(stage: Stage, person: Person) -> AsyncIterator[DossierRealtimeClient]:
    await stage.turn()
    async with stage.client(person) as client:
        stage.facts.connections += 1
        yield client


async def _logged_in(stage: Stage, person: Person) -> WireClient:
    await stage.turn()
    wire = await WireClient.dial(stage.url)
    if await wire.login(stage.token(person)):
        stage.facts.connections += 1
    else:
        stage.facts.surprise(f"{person.user_id} could not log in")
    return wire


def _ignore(_: object) -> None:
    pass


MISBEHAVIOURS: dict[Callable[[Stage, Random], Awaitable[None]], float] = {
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
