"""Addresses of this machine itself: one function that knows them, for everything that asks."""

from __future__ import annotations

import ast
import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.http.loopback import is_loopback, loopback_origins

ROOT = Path(__file__).parents[2]
HERE = ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]
ELSEWHERE = [
    *("", "0.0.0.0", "::", "10.0.0.5", "192.0.2.1", "[2001:db8::1]", "::ffff:10.0.0.5"),
    *("localhost.", "localhost.evil.test", "127.0.0.1.evil.test", "127.1", "0127.0.0.1", "xlocalhost", "[localhost]"),
]


@pytest.mark.parametrize("host", HERE)
def test_a_name_or_address_of_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_nothing_else_is_taken_for_it(host: str) -> None:
    assert not is_loopback(host)


@given(st.ip_addresses())
def test_every_address_is_judged_with_and_without_brackets(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    assert is_loopback(str(address)) == is_loopback(f"[{address}]")


def test_origins_of_this_machine_have_each_port_once_and_no_port_0() -> None:
    assert loopback_origins([8000, 0, 8000]) == (
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
    )
    assert loopback_origins([0]) == ()


def test_no_other_module_decides_what_a_loopback_address_is() -> None:
    asking = [
        str(file.relative_to(ROOT))
        for folder in ("app", "dashboard", "demo", "dossier_realtime", "notebooks", "tools", "benchmarks")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "is_loopback"
    ]
    assert asking == ["dossier_realtime/protocol/http/loopback.py"]
