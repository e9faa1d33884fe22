"""Logins of the dashboard while the service cannot fetch the keys that verify tokens."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.live.service_api import ServiceApi
from dashboard.site.login import Authenticator, LoginDeniedError
from dashboard.site.login_sessions import LoginSessions
from dashboard.site.login_watch import LoginWatch
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import eventually_async
from tests.harness.in_process import running
from tests.security.issuer import jwk, serving, text

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ADDRESS = "127.0.0.1"


def signed(user: str) -> str:
    claims = {"sub": user, "aud": "dossier-realtime", "exp": int(time.time()) + 3600, "role": "operator"}
    return jwt.encode(claims, KEY, "RS256", headers={"kid": "one"})


@asynchronous
async def test_an_outage_of_the_issuer_neither_refuses_a_token_nor_ends_a_login(tmp_path: Path) -> None:
    logins = LoginSessions({"operator": "operator"}, 600)
    assert logins.admit(signed("noura"), ADDRESS) is not None
    with serving() as issuer:
        issuer.status, issuer.body = 500, text(jwk(KEY, kid="one"))
        settings = {"auth.algorithms": ["RS256"], "auth.jwks_url": issuer.url}
        async with (
            running(tmp_path / "data", settings, secret=None) as service,
            ServiceApi(f"http://127.0.0.1:{service.port}") as api,
        ):
            authenticator, watch = Authenticator(api, secure=False), LoginWatch(api, logins)
            with pytest.raises(LoginDeniedError) as denied:
                await authenticator.authenticate(logins, signed("omar"), ADDRESS)
            assert (denied.value.said, denied.value.status) == ("down", 503)
            watching = asyncio.create_task(watch.run())
            watch.linked()
            issuer.status = 200
            await eventually_async(lambda: service.verifier.has_keys)
            login = await authenticator.authenticate(logins, signed("omar"), ADDRESS)
            assert [each.user_id for each in logins.all()] == ["noura", login.user_id]
            watching.cancel()
            await asyncio.wait([watching])
