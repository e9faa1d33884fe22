"""A scene with secrets in it, and its twin in which none of them ever was; each on a real service."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.recording.recorded_scenario import COUNTRY, DOCUMENT, edit, update

VAULT, RAISED, BOOK = "dossier:secret:vault", "dossier:raised:plan", "document:blackbook"
NAMES = ("vault", "raised", "blackbook", "codeword")
"""Marks of secret names and contents, none of which may be readable anywhere."""


class Scene(NamedTuple):
    """The journal's folder, and the sessions by user."""

    folder: Path
    sessions: dict[str, str]


def play(data: Path, *, secret: bool) -> Scene:
    """Ali and Sara work, and Omar, who is cleared for secret. With `secret`, there is more; the rest is the same."""
    service, sessions = Service(data, {"limits.warning_ratio": 0.5, "limits.cursor": 4}), dict[str, str]()
    with service:
        asyncio.run(_scene(service, sessions, secret))
    service.assert_log_clean()
    return Scene(data / "journal", sessions)


def call(service: Service, method: str, path: str, body: object = None, reason: str = "") -> None:
    request = urllib.request.Request(service.http + path, method=method)  # noqa: S310  our own address
    request.data = None if body is None else msgspec.json.encode(body)
    token = service.token("op", "admin:*", clearance="secret", role="service")
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Content-Type", "application/json")
    if reason:
        request.add_header("X-Reason", quote(reason))
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:  # noqa: S310  likewise
        assert answer.status == 200


async def _scene(service: Service, sessions: dict[str, str], secret: bool) -> None:
    rights = ["write:dossier:*", "write:document:*"]

    async def enter(user: str, *more: str, clearance: str = "internal") -> Client:
        token = service.token(user, *rights, *(more if secret else ()), name=user.title(), clearance=clearance)
        client = await Client.connect(service, token)
        sessions[user] = client.login["session_id"]
        return client

    async def calls(method: str, path: str, body: object = None, reason: str = "") -> None:
        await asyncio.to_thread(call, service, method, path, body, reason)

    ali = await enter("ali", f"read:{BOOK}")
    sara = await enter("sara", "read:dossier:secret:*", "read:dossier:raised:never")
    omar = await enter("omar", f"admin:{VAULT}", clearance="secret")
    everybody = (ali, sara, omar)

    async def settle() -> None:
        for client in everybody:
            await client.settle()

    for client in everybody:
        await client.subscribe(COUNTRY, include_presence=True)
        await client.subscribe(DOCUMENT)
        await settle()
    if secret:
        await calls("PUT", f"/v1/channels/{BOOK}", {"classification": "secret"})
        for channel in (VAULT, BOOK):
            await omar.subscribe(channel, include_presence=True)
            await sara.send({"type": "subscribe", "channel": channel, "ref": "codeword"})
            await sara.send({"type": "subscribe", "channel": channel, "params": {"codeword": True}})
        await omar.subscribe(RAISED)
        await ali.subscribe(RAISED)
        await settle()
        for channel in (VAULT, RAISED):
            await omar.ask(update(channel) | {"idempotency_key": f"codeword-{channel}"})
        await omar.ask(edit(0, "codeword") | {"channel": BOOK})
        for _ in range(6):  # until the limit, of which a warning tells
            await omar.send({"type": "cursor_position", "channel": BOOK, "payload": {"position": 0}})
        await sara.send({"type": "ping", "ref": VAULT})
        await settle()
        await calls("PUT", f"/v1/channels/{RAISED}", {"classification": "secret"})
        await calls("GET", f"/v1/channels/{quote(VAULT, safe='')}/history")
        await calls("GET", f"/v1/channels/{RAISED}/presence")
        await calls("GET", "/v1/documents/black%62ook")
    else:
        await settle()  # as often as above: each settling is a ping
        await settle()
    await settle()
    await calls("GET", f"/v1/channels/{COUNTRY}", reason=f"because of {VAULT}." if secret else "")
    await ali.ask(edit(0, "مرحبا"))
    await settle()
    await ali.ask(update())
    await settle()
    await sara.ask(edit(1, "!", 5))
    await settle()
    for client in everybody:
        await client.close()
        await asyncio.sleep(0.05)  # one after the other, in both worlds
