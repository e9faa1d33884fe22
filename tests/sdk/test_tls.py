"""Which addresses and certificates are good enough (K12)."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from dossier_realtime.client import ConnectFailed, DossierRealtimeClient, Publisher
from dossier_realtime.client.testing import FakeServer
from tests.sdk.client_harness import nothing_is_left, run

CA = trustme.CA()
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def server_side(
    host: str = "127.0.0.1", *, newest: ssl.TLSVersion = V13, authority: trustme.CA = CA, **issue: Any
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest
    authority.issue_cert(host, **issue).configure_cert(context)
    return context


def client_side(oldest: ssl.TLSVersion = V13) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = oldest
    CA.configure_trust(context)
    return context


def test_verified_tls_1_3_is_spoken() -> None:
    async def scene() -> None:
        async with FakeServer(ssl_context=server_side()) as server:
            async with DossierRealtimeClient("token", server.url, ssl_context=client_side()) as client:
                assert client.user_id == "tester"
            await nothing_is_left(server)

    run(scene())


EXPIRED = datetime.now(UTC) - timedelta(days=1)


@pytest.mark.parametrize(
    "context",
    [
        pytest.param(lambda: server_side(newest=V12), id="TLS 1.2 only"),
        pytest.param(lambda: server_side("realtime.example"), id="of another host"),
        pytest.param(lambda: server_side(not_after=EXPIRED), id="expired"),
        pytest.param(lambda: server_side(authority=trustme.CA()), id="of an unknown authority"),
    ],
)
def test_a_server_that_is_not_safe_is_refused_for_good(context: Any) -> None:
    async def scene() -> None:
        async with FakeServer(ssl_context=context()) as server:
            client = DossierRealtimeClient("token", server.url, ssl_context=client_side())
            with pytest.raises(ConnectFailed, match=r"check the certificate and TLS 1\.3") as refused:
                await client.connect()
            assert refused.value.final
            await client.close()
            assert server.handshakes == 0

    run(scene())


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("ws://127.0.0.1:8080/v1", True),
        ("ws://127.9.9.9/v1", True),
        ("ws://[::1]:8080/v1", True),
        ("ws://localhost:8080/v1", True),
        ("wss://realtime.example/v1", True),
        ("ws://realtime.example/v1", False),
        ("ws://10.0.0.1/v1", False),
        ("ws://localhost.example/v1", False),
        ("ws://127.0.0.1.example/v1", False),
        ("ws://user@realtime.example/v1", False),
        ("http://127.0.0.1/v1", False),
        ("127.0.0.1:8080", False),
        ("wss:///v1", False),
        ("", False),
    ],
)
def test_a_plain_address_is_only_for_this_machine(url: str, allowed: bool) -> None:
    if allowed:
        DossierRealtimeClient("token", url)
    else:
        with pytest.raises(ValueError, match="wss://"):
            DossierRealtimeClient("token", url)


def test_a_plain_address_elsewhere_needs_to_be_said() -> None:
    DossierRealtimeClient("token", "ws://10.0.0.1/v1", insecure=True)
    Publisher("token", "http://10.0.0.1", insecure=True)
    with pytest.raises(ValueError, match="https://"):
        Publisher("token", "http://10.0.0.1")


def unverified() -> ssl.SSLContext:
    context = client_side()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize(
    "context", [lambda: client_side(V12), unverified, lambda: client_side(ssl.TLSVersion.MINIMUM_SUPPORTED)]
)
def test_a_lax_context_is_refused_unless_it_is_said(context: Any) -> None:
    with pytest.raises(ValueError, match="insecure=True"):
        DossierRealtimeClient("token", "wss://realtime.example/v1", ssl_context=context())
    DossierRealtimeClient("token", "wss://realtime.example/v1", ssl_context=context(), insecure=True)
