"""The renewal of a token on a connection that stands, without a loop: frames and time in, effects out."""

from __future__ import annotations

import msgspec
import pytest

from dossier_realtime.client.errors import DeniedError
from dossier_realtime.client.state.connection import RENEW_AGAIN_SECONDS, ClientConnection
from dossier_realtime.client.state.effects import ConnectionState, Effect, ErrorReport, Renew
from dossier_realtime.protocol import responses
from dossier_realtime.protocol.commands import Auth
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.events import Event
from tests.sdk.samples import auth_success, live_connection, written

State = ConnectionState


def receive(connection: ClientConnection, event: Event, now: float = 1) -> list[Effect]:
    return connection.received(msgspec.json.encode(event), now)


def error(code: ErrorCode, ref: str | None = None) -> responses.ErrorMessage:
    return responses.ErrorMessage(error_code=code, message="no", timestamp=1, ref=ref)


EXPIRING = responses.TokenExpiring(payload=responses.TokenExpiringPayload(60))


def test_an_expiring_token_is_renewed_on_the_same_connection() -> None:
    connection = live_connection()
    assert receive(connection, EXPIRING) == [Renew()]
    (auth,) = written(connection.renewed("newer"))
    assert isinstance(auth, Auth)
    assert (auth.payload.token, auth.payload.session_id) == ("newer", None)
    renewed = auth_success(auth.ref)
    renewed.payload.permissions = ["read:global"]
    assert receive(connection, renewed) == []
    assert connection.granted is not None
    assert connection.granted.permissions == ["read:global"]


def test_a_fixed_token_cannot_be_renewed() -> None:
    assert receive(live_connection(renewable=False), EXPIRING) == []


def test_a_refused_renewal_is_told_and_the_connection_kept() -> None:
    connection = live_connection()
    (auth,) = written(connection.renewed("bad"))
    (told,) = receive(connection, error(ErrorCode.INVALID_TOKEN, ref=auth.ref))
    assert isinstance(told, ErrorReport)
    assert connection.state is State.AUTHENTICATED


@pytest.mark.parametrize(("named", "wait"), [(10, 10), (None, RENEW_AGAIN_SECONDS)])
def test_a_renewal_that_cannot_be_judged_now_is_made_again_with_a_fresh_token(named: int | None, wait: float) -> None:
    connection = live_connection()
    (auth,) = written(connection.renewed("newer"))
    refused = error(ErrorCode.SERVICE_UNAVAILABLE, ref=auth.ref)
    refused.retry_after = named
    (told,) = receive(connection, refused, now=1)
    assert isinstance(told, ErrorReport)
    assert isinstance(told.error, DeniedError)
    assert (told.error.error_code, told.error.retry_after) == (ErrorCode.SERVICE_UNAVAILABLE, wait)
    assert connection.deadline(1) == 1 + wait
    assert Renew() not in connection.tick(wait)
    assert Renew() in connection.tick(1 + wait)
    assert Renew() not in connection.tick(2 + wait)
    (again,) = written(connection.renewed("newest"))
    assert receive(connection, auth_success(again.ref), now=2 + wait) == []


def test_a_renewal_that_waits_is_forgotten_with_its_connection() -> None:
    connection = live_connection()
    (auth,) = written(connection.renewed("newer"))
    receive(connection, error(ErrorCode.SERVICE_UNAVAILABLE, ref=auth.ref))
    connection.lost(CloseCode.SERVICE_RESTART, "", 2)
    assert Renew() not in connection.tick(1_000)
