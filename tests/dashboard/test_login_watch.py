"""The service's statements about logins, heard and asked for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dashboard.live.service_api import ServiceApi
from dashboard.site.login_sessions import LoginSessions
from dashboard.site.login_watch import LoginWatch
from dossier_realtime.protocol.events import OpsStats, OpsStatsPayload
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service


@pytest.mark.parametrize(
    ("row", "ends"),
    [
        ({"key": "k", "state": "revoked", "token_id": "t1", "personal": True}, True),
        ({"key": "k", "state": "revoked", "user_id": "omar", "until": 4e9}, True),
        ({"key": "k", "state": "disconnected", "user_id": "omar"}, True),
        ({"key": "k", "state": "revoked", "user_id": "omar"}, False),
        ({"key": "k", "state": "revoked", "token_id": None}, False),
        ({"key": "k", "user_id": "omar"}, False),
        ({}, False),
    ],
)
def test_only_rows_that_end_something_end_a_login(row: dict[str, Any], ends: bool) -> None:
    known = LoginSessions({"operator": "operator"}, 600)
    assert known.admit(tokens.token("omar", role="operator", jti="t1"), "127.0.0.1") is not None
    watch = LoginWatch(ServiceApi("http://127.0.0.1:9"), known)
    for topic in ("ops:limits", "ops:sessions"):
        before = len(known.all())
        watch.heard(topic, OpsStats(channel=topic, payload=OpsStatsPayload("n1", 1, {}, [row])))
        assert len(known.all()) == (before - ends if topic == "ops:sessions" else before)


def test_after_a_gap_the_service_is_asked_about_every_login(service: Service) -> None:
    """Statements made while nobody listened are made up for: with each login's own token."""

    async def play() -> list[str]:
        api = ServiceApi(service.http)
        known = LoginSessions({"operator": "operator"}, 600)
        for user in ("stays", "goes"):
            assert known.admit(tokens.token(user, "admin:*", role="operator"), "127.0.0.1") is not None
        revoked = await api.call("POST", "/v1/tokens/revoke", tokens.operator(), {"user": "goes"})
        assert revoked.ok
        watch = LoginWatch(api, known)
        running = asyncio.create_task(watch.run())
        assert len(known.all()) == 2
        watch.linked()
        async with asyncio.timeout(HANG_SECONDS):
            while len(known.all()) > 1:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.wait([running])
        await api.close()
        return [login.user_id for login in known.all()]

    assert asyncio.run(play()) == ["stays"]
