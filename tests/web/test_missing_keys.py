"""A key set that cannot be fetched says nothing about a token: clients are invited back, and none is sent away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from app.security import jwks
from dossier_realtime.client import Backoff, ConnectionState, DossierRealtimeClient
from dossier_realtime.client.state.connection import MAX_REFUSED_RETRIES
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually, eventually_async
from tests.harness.in_process import running
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.security.issuer import Issuer, jwk, serving, text

ONE, TWO = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
RENEWALS = 5  # more than may be bad (3), fewer than may come in a minute (6)


def signed(key: Any = ONE, kid: str = "one", **claims: Any) -> str:
    now = int(time.time())
    whole = {"sub": "u-1", "aud": "dossier-realtime", "iat": now, "exp": now + 3600} | claims
    return jwt.encode(whole, key, "RS256", headers={"kid": kid})


def settings(issuer: Issuer) -> dict[str, object]:
    return {"auth.algorithms": ["RS256"], "auth.jwks_url": issuer.url}


def auth(token: str) -> Message:
    return {"type": "auth", "payload": {"token": token}}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Return an issuer that answers with 500 until its `status` is set."""
    with serving() as running_issuer:
        running_issuer.body = text(jwk(ONE, kid="one"))
        running_issuer.status = 500
        yield running_issuer


@pytest.fixture
def service(issuer: Issuer, tmp_path: Path) -> Iterator[Service]:
    """Return a service that listens and has no keys yet."""
    begun = Service(tmp_path / "data", settings(issuer), environment={"DOSSIER_AUTH__SECRET": None})
    begun.launch()
    with begun:
        eventually(lambda: begun.get("/healthz")[0] == 200, begun.log)
        yield begun
    begun.assert_log_clean()


def call(service: Service, token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{service.http}/v1/tasks", headers=headers, timeout=HANG_SECONDS)


def test_a_service_is_ready_once_it_has_fetched_its_keys(service: Service, issuer: Issuer) -> None:
    status, body = service.get("/readyz")
    checks = json.loads(body)["checks"]
    assert status == 503
    assert checks == {"engine": True, "journal": True, "accepting": True, "keys": False}
    issuer.status = 200
    eventually(lambda: service.get("/readyz")[0] == 200, service.log)  # no client had to come
    assert call(service, signed()).status_code == 200


def test_an_issuer_that_hangs_keeps_the_service_from_being_ready_and_from_nothing_else(
    issuer: Issuer, tmp_path: Path
) -> None:
    issuer.held.clear()
    issuer.status = 200
    service = Service(tmp_path / "data", settings(issuer), environment={"DOSSIER_AUTH__SECRET": None})
    service.launch()
    with service:
        eventually(lambda: service.get("/readyz")[0] == 503, service.log)
        assert call(service, signed()).status_code == 503
        issuer.held.set()
        eventually(lambda: service.get("/readyz")[0] == 200, service.log)
        assert call(service, signed()).status_code == 200


def test_a_call_is_answered_503_until_the_issuer_answers_and_then_by_the_same_token(
    service: Service, issuer: Issuer
) -> None:
    token = signed()
    refused = call(service, token)
    assert (refused.status_code, refused.json()["error_code"]) == (503, ErrorCode.SERVICE_UNAVAILABLE)
    assert int(refused.headers["Retry-After"]) > 0
    assert "WWW-Authenticate" not in refused.headers
    headers = {"Authorization": f"Bearer {token}"}
    sent = httpx.post(f"{service.http}/v1/publish", json={"events": []}, headers=headers, timeout=HANG_SECONDS)
    assert sent.status_code == 503
    issuer.status = 200
    eventually(lambda: call(service, token).status_code == 200, service.log)
    assert call(service, signed(TWO, "made-up")).status_code == 401  # the set is current


@asynchronous
async def test_a_login_is_refused_for_now_and_the_client_invited_back(service: Service, issuer: Issuer) -> None:
    async with await Client.unauthenticated(service) as early:
        answer = await early.ask(auth(signed()))
        assert (answer["type"], answer["error_code"]) == ("error", ErrorCode.SERVICE_UNAVAILABLE)
        await early.expect_close(CloseCode.TRY_AGAIN_LATER)
    issuer.status = 200
    await eventually_async(lambda: service.get("/readyz")[0] == 200, service.log)
    await (await Client.connect(service, signed())).close()
    async with await Client.unauthenticated(service) as stranger:
        assert (await stranger.ask(auth(signed(TWO, "made-up"))))["error_code"] == ErrorCode.INVALID_TOKEN
        await stranger.expect_close(CloseCode.AUTH_FAILED)


@asynchronous
async def test_a_client_of_the_sdk_comes_back_until_the_issuer_answers(service: Service, issuer: Issuer) -> None:
    tokens, states = list[str](), list[ConnectionState]()

    async def token() -> str:
        tokens.append(signed(jti=str(len(tokens))))
        return tokens[-1]

    client = DossierRealtimeClient(token, service.url, backoff=Backoff(base=0.02, cap=0.1))
    client.on_state(states.append)
    connecting = asyncio.create_task(client.connect())
    await eventually_async(lambda: len(tokens) > MAX_REFUSED_RETRIES + 1 or connecting.done())
    assert not connecting.done()
    issuer.status = 200
    await connecting
    assert client.state is ConnectionState.AUTHENTICATED
    assert {ConnectionState.ERROR, ConnectionState.DISCONNECTED}.isdisjoint(states)
    await client.close()


@asynchronous
async def test_a_renewal_with_a_new_key_in_an_outage_keeps_the_connection_and_works_after_it(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_INTERVAL_SECONDS", 0.0)  # as if the last good fetch were long ago
    issuer.status = 200
    async with running(tmp_path / "data", settings(issuer), secret=None) as service:
        client = await Client.connect(service, signed())
        issuer.status, issuer.body = 500, text(jwk(TWO, kid="two"))
        for number in range(RENEWALS):
            answer = await client.ask(auth(signed(TWO, "two", jti=str(number))))
            assert (answer["type"], answer["error_code"]) == ("error", ErrorCode.SERVICE_UNAVAILABLE)
            assert answer["retry_after"] > 0
        await client.settle()  # it is served as before
        assert not service.verifier.is_current
        address = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=address, timeout=HANG_SECONDS) as http:
            for token, status in ((signed(TWO, "two"), 503), (signed(), 200)):
                assert (await http.get("/v1/tasks", headers={"Authorization": f"Bearer {token}"})).status_code == status
            assert (await http.get("/readyz")).status_code == 200  # the old keys still serve
        issuer.status = 200
        await eventually_async(lambda: service.verifier.is_current)  # it asks again by itself
        assert (await client.ask(auth(signed(TWO, "two"))))["type"] == "auth_success"
        await client.close()
