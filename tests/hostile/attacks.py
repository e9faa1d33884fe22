"""Attacks made of the data of a row: each is run against a target and returns the outcome."""

from __future__ import annotations

from typing import Any

import msgspec

from dossier_realtime.protocol.errors import ErrorCode
from tests.harness import tokens
from tests.harness.wire import Client, Header, Message, Raw, Response, request, text, upgrade
from tests.hostile.rows import Attack
from tests.hostile.target import ALLOWED, Target

MAX_QUOTED_CHARACTERS = 64  # characters of the input that an answer may hold
_CODES = {code.value for code in ErrorCode}


def probe(data: bytes, *tell: str) -> Attack:
    """Send a handshake; its status, and which of the headers `tell` the answer has."""

    async def attack(target: Target) -> str:
        raw = await Raw.open(target.service)
        await raw.send(data)
        answer = await raw.response()
        await raw.close()
        _check_body(answer, data)
        return " ".join((f"H({answer.status})", *(name for name in tell if name in answer.headers)))

    return attack


def calls(data: bytes, *tell: str) -> Attack:
    """Send an HTTP request; its status, the error code of its body, and which of the headers `tell` it has."""

    async def attack(target: Target) -> str:
        raw = await Raw.open(target.service)
        await raw.send(data)
        answer = await raw.response()
        await raw.close()
        return told(answer, data, *tell)

    return attack


def told(answer: Response, data: bytes = b"", *tell: str) -> str:
    """Return the outcome that an HTTP answer is."""
    _check_body(answer, data)
    code = [answer.json()["error_code"]] if answer.status >= 400 and answer.body else []
    return " ".join((f"H({answer.status})", *code, *(name for name in tell if name in answer.headers)))


def post(body: bytes | Message, *headers: Header, path: str = "/v1/publish", token: str | None = None) -> bytes:
    """Return a POST by a user who may write the dossiers of countries; headers replace those that it would have."""
    if isinstance(body, dict):
        body = msgspec.json.encode(body)
    if token is None:
        token = tokens.token("publisher", "write:dossier:country:*")
    given = {"Host": "localhost", "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    given["Content-Length"] = str(len(body))
    replaced = {name.lower() for name, _ in headers}
    kept = [(name, value) for name, value in given.items() if name.lower() not in replaced and value]
    return request("POST", path, *kept, *headers, body=body)


def get(path: str, *headers: Header, method: str = "GET", token: str = "") -> bytes:
    """Return a request without a body."""
    given = [("Host", "localhost")] + ([("Authorization", f"Bearer {token}")] if token else [])
    return request(method, path, *given, *headers)


def first(*messages: Message | str | bytes) -> Attack:
    """Say these as the very first, in one packet, on a connection that has not authenticated."""

    async def attack(target: Target) -> str:
        # A browser's handshake, so that it is also good where an Origin is required.
        client = Client(await shaken(target))
        await client.send(*messages)
        return await outcome(client, *messages)

    return attack


def presents(token: str) -> Attack:
    """Authenticate with this token."""
    return first({"type": "auth", "payload": {"token": token}})


def says(*messages: Message | str | bytes, permissions: tuple[str, ...] = (), **claims: Any) -> Attack:
    """Say these on an authenticated connection, in one packet."""

    async def attack(target: Target) -> str:
        client = await target.client(*permissions, **claims)
        await client.send(*messages)
        return await outcome(client, *messages)

    return attack


def frames(*chunks: bytes) -> Attack:
    """Send these bytes on an authenticated connection."""

    async def attack(target: Target) -> str:
        client = await target.client()
        client.take_all()
        await client.raw.send(*chunks)
        return await outcome(client)

    return attack


async def shaken(target: Target, address: str | None = None) -> Raw:
    """Return a connection after its handshake, which names an allowed Origin."""
    raw = await Raw.open(target.service, address=address)
    await raw.send(upgrade("/v1", ("Origin", ALLOWED)))
    answer = await raw.response()
    assert answer.status == 101, answer
    return raw


async def outcome(client: Client, *said: Message | str | bytes) -> str:
    """Everything that is answered until a ping gets its pong, or the close; then the connection is ended."""
    await client.send({"type": "ping", "ref": "are you there"})
    words: list[str] = []
    while True:
        try:
            message = await client.receive()
        except AssertionError:
            if client.closed is None:
                raise
            words.append(f"C({client.closed[0]})")
            break
        if message["type"] == "pong" and message.get("ref") == "are you there":
            words.append("K")
            break
        if message["type"] == "error":
            check_error(message, *said)
            words.append(f"E({message['error_code']})")
        else:
            words.append(message["type"])
    await client.close()
    return " ".join(words)


def check_error(message: Message, *said: Message | str | bytes) -> None:
    """Assert that an error has a message, and quotes no more than MAX_QUOTED_CHARACTERS of the input."""
    assert message["error_code"] in _CODES, message
    assert 10 < len(message["message"]) <= 250, message
    assert isinstance(message["timestamp"], int), message
    whole = " ".join(_plain(one) for one in said)
    _check_echo(message["message"], whole)


def _check_body(answer: Response, data: bytes) -> None:
    if answer.status < 400 or not answer.body:
        return
    body = answer.json()
    assert {"error_code", "message"} <= body.keys() <= {"error_code", "message", "index", "path"}, body
    assert body["error_code"] in _CODES, body
    assert 10 < len(body["message"]) <= 250, body
    assert "Traceback" not in body["message"], body
    _check_echo(body["message"], data.decode("latin-1"))


def _check_echo(answer: str, said: str) -> None:
    for at in range(len(answer) - MAX_QUOTED_CHARACTERS):
        assert answer[at : at + MAX_QUOTED_CHARACTERS + 1] not in said, (
            f"the answer quotes more than {MAX_QUOTED_CHARACTERS} characters: {answer}"
        )


def _plain(message: Message | str | bytes) -> str:
    return text(message).decode("utf-8", "replace")
