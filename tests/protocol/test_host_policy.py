"""Host and Origin: which requests a listener takes, what it says where it does not, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.http.host_policy import (
    DenialSample,
    HostPolicy,
    canonical_origin,
    host_policy,
    own_hosts,
)
from dossier_realtime.protocol.http.loopback import loopback_origins
from tests.harness import tokens

POLICY = host_policy(
    "server",
    ["realtime.example.org"],
    ["https://dossier.example.org", "capacitor://localhost", "http://old.example:80"],
)
HOST = ["realtime.example.org"]


@pytest.mark.parametrize(
    ("hosts", "origins", "needs_origin", "status"),
    [
        (HOST, [], False, None),
        (HOST, [], True, 403),
        (HOST, ["https://dossier.example.org"], True, None),
        (HOST, ["HTTPS://Dossier.example.org"], True, None),
        (HOST, ["capacitor://localhost"], True, None),
        (HOST, ["http://old.example"], True, None),
        (HOST, ["https://dossier.example.org:444"], False, 403),
        (HOST, ["http://dossier.example.org"], False, 403),
        (HOST, ["https://dossier.example.org"] * 2, False, 403),
        (HOST, ["null"], False, 403),
        (HOST, [""], False, 403),
        (HOST, ["*"], False, 403),
        (["evil.test"], ["https://dossier.example.org"], False, 421),
        (["evil.test"], ["http://evil.test"], False, 421),
        ([], [], False, 400),
        (HOST * 2, [], False, 400),
    ],
)
def test_host_and_origin_are_judged(
    hosts: list[str], origins: list[str], needs_origin: bool, status: int | None
) -> None:
    denial = POLICY.judge(hosts, origins, needs_origin=needs_origin)
    assert (denial.status if denial else None) == status


@pytest.mark.parametrize("section", ["server", "dashboard"])
def test_a_refusal_names_what_was_sent_and_the_setting_that_would_allow_it(section: str) -> None:
    policy = HostPolicy(section, POLICY.hosts, POLICY.origins)  # type: ignore[arg-type]  # one of two names
    denial = policy.judge(HOST, ["http://intranet.example:3000"], needs_origin=False)
    assert denial is not None
    assert denial.setting == f"{section}.allowed_origins"
    for told in ("http://intranet.example:3000", denial.setting, f"DOSSIER_{section.upper()}__ALLOWED_ORIGINS"):
        assert told in str(denial)
    assert denial.setting in denial.message
    denial = policy.judge(["other.example"], [], needs_origin=False)
    assert denial is not None
    assert f"other.example was refused with 421: if clients are to call it so, add the name to {section}" in str(denial)


def test_a_page_without_an_origin_of_its_own_is_told_apart() -> None:
    for sent in ("null", "file://"):
        assert "serve them over HTTP" in str(POLICY.judge(HOST, [sent], needs_origin=False))


@given(st.text(max_size=2_000))
def test_whatever_is_sent_a_log_line_stays_one_short_line_without_tokens(text: str) -> None:
    token = tokens.token("u-1")
    for hosts, origins in ((HOST, [f"{text} {token}"]), ([f"{text} {token}"], [])):
        denial = POLICY.judge(hosts, origins, needs_origin=False)
        assert denial is not None
        assert str(denial).isprintable() or not text.isprintable()
        assert not {*str(denial)} & {*"\n\r\x1b\x9b\u2028\u202e"}
        assert token not in str(denial)
        assert len(str(denial)) < 500
        assert text[:10] not in denial.message or len(text) < 10


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://[::1]:80", "http://[::1]"),
        ("tauri://localhost", "tauri://localhost"),
        ("ionic://localhost:80", "ionic://localhost:80"),
    ],
)
def test_an_origin_is_compared_as_browsers_send_it(written: str, sent: str) -> None:
    assert canonical_origin(written) == sent


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 200)), max_size=300))
def test_log_lines_are_bounded_and_every_refusal_is_in_one_or_counted(seen: list[tuple[int, float]]) -> None:
    sample, lines, told = DenialSample(most=5), [], 0
    seen.sort(key=lambda each: each[1])
    for number, at in seen:
        denial = POLICY.judge(HOST, [f"http://{number}.example"], needs_origin=False)
        assert denial is not None
        left_out = sample.take(denial, at)
        if left_out is not None:
            lines.append((at, number))
            told += 1 + left_out
    for began, number in lines:
        within = [each for at, each in lines if began <= at < began + 60]
        assert within.count(number) == 1, "it has no second line within its seconds"
        assert len(within) <= 5
    assert told + sample._left_out == len(seen)


def test_own_stands_for_where_a_server_listens_beside_other_names() -> None:
    policy = host_policy(
        "server",
        ["own", "realtime.example.org"],
        ["own", "https://dossier.example.org:443"],
        own_hosts=own_hosts("192.0.2.1"),
        own_origins=loopback_origins([9000, 9001]),
    )
    for host in ("localhost:9000", "127.0.0.1", "[::1]:1", "192.0.2.1:9000", "realtime.example.org"):
        assert policy.judge([host], [], needs_origin=False) is None
    assert policy.judge(["own"], [], needs_origin=False) is not None
    for origin in (
        "http://localhost:9000",
        "http://127.0.0.1:9001",
        "http://[::1]:9000",
        "https://dossier.example.org",
    ):
        assert policy.judge(["localhost"], [origin], needs_origin=True) is None
    for origin in ("http://localhost:8000", "https://localhost:9000", "own", "http://own"):
        assert policy.judge(["localhost"], [origin], needs_origin=True) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::"])
def test_what_listens_on_this_machine_or_everywhere_is_called_by_this_machines_names(host: str) -> None:
    assert own_hosts(host) == ("localhost", "127.0.0.1", "[::1]")
    assert own_hosts("2001:db8::1")[-1] == "[2001:db8::1]"
