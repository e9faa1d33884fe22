"""The address of a visitor, which cookies and the bound on bad tokens rest on, whatever headers claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.service import Service

PROXY, ELSEWHERE = "127.0.0.1", "127.0.0.9"
ATTEMPTS = 30  # bad tokens of one address that are looked at


class Sender(NamedTuple):
    """Where a connection comes from, and what is claimed over it."""

    address: str
    forwarded: str = ""
    real: str = ""

    def headers(self) -> dict[str, str]:
        """As `Dashboard.ask` takes them."""
        claimed = {"X_Forwarded_For": self.forwarded, "X_Real_Ip": self.real}
        return {"address": self.address} | {name: value for name, value in claimed.items() if value}


@pytest.fixture(scope="module")
def proxied(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard behind a proxy at 127.0.0.1."""
    settings = {"DOSSIER_DASHBOARD__BEHIND_PROXY": "true", "DOSSIER_DASHBOARD__TRUSTED_PROXIES": PROXY}
    with Dashboard(service, tmp_path_factory.mktemp("proxied"), settings) as running:
        yield running
    running.assert_log_clean()


def enters(dashboard: Dashboard, key: str, sender: Sender) -> bool:
    return dashboard.ask("/overview", Cookie=key, **sender.headers())[0] == 200


def cookie(dashboard: Dashboard, sender: Sender) -> str:
    status, headers, body = dashboard.login(tokens.token("omar", "admin:*", role="operator"), **sender.headers())
    assert status == 303, body
    return headers["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize(
    ("same", "sender"),
    [
        (True, Sender(PROXY, "198.51.100.7")),
        (True, Sender(PROXY, "192.0.2.1, 198.51.100.7", "192.0.2.2")),
        (True, Sender(PROXY, "198.51.100.7, 127.0.0.1")),
        (False, Sender(PROXY, "198.51.100.7, 198.51.100.8")),
        (False, Sender(PROXY, "198.51.100.8", "198.51.100.7")),
        (False, Sender(PROXY, "", "198.51.100.7")),
        (False, Sender(ELSEWHERE, "198.51.100.7", "198.51.100.7")),
        (False, Sender(ELSEWHERE, "198.51.100.7, 127.0.0.1")),
    ],
)
def test_a_cookie_is_good_from_the_address_that_the_proxy_saw(proxied: Dashboard, same: bool, sender: Sender) -> None:
    key = cookie(proxied, Sender(PROXY, "203.0.113.9, 198.51.100.7", "203.0.113.9"))
    assert enters(proxied, key, sender) is same


def test_without_a_proxy_no_header_tells_an_address(dashboard: Dashboard) -> None:
    key = cookie(dashboard, Sender(ELSEWHERE, "198.51.100.7", "198.51.100.7"))
    assert enters(dashboard, key, Sender(ELSEWHERE, "192.0.2.1", "192.0.2.2"))
    assert not enters(dashboard, key, Sender(PROXY, ELSEWHERE, ELSEWHERE))


def test_guessing_is_slowed_down_whatever_the_guesser_claims_and_for_nobody_else(proxied: Dashboard) -> None:
    """Neither a new address for each guess, nor a neighbour's address for all of them."""

    def guess(sender: Sender) -> int:
        return proxied.login("a.b.c", **sender.headers())[0]

    for number in range(ATTEMPTS):
        forged = f"203.0.113.{number}"
        assert guess(Sender(PROXY, f"{forged}, 198.51.100.66", forged)) == 401
        assert guess(Sender(ELSEWHERE, "198.51.100.99", forged)) == 401
        assert guess(Sender(PROXY, f"2001:db8:0:7::{number:x}")) == 401
    assert guess(Sender(PROXY, "203.0.113.200, 198.51.100.66", "203.0.113.200")) == 429
    assert guess(Sender(ELSEWHERE, "203.0.113.201", "203.0.113.201")) == 429
    assert guess(Sender(PROXY, "2001:db8:0:7:ffff::1")) == 429
    assert guess(Sender(PROXY, "198.51.100.99")) == 401
    assert guess(Sender(PROXY, "2001:db8:0:8::1")) == 401
