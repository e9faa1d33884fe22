"""The answers for callers without an access token: health, metrics, security.txt, and the headers of each."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.configuration.config import ConfigError, load
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service
from tests.harness.wire import Raw, request

SECRET = "the secret of these tests: tall grass in the rain"
SCRAPER = "jH5-only-prometheus-knows-this-one-9Xq2"
PRODUCTION: dict[str, object] = {"server.production": True, "server.allowed_origins": ["https://dossier.example"]}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in production, its metrics at an address of their own."""
    settings: dict[str, object] = PRODUCTION | {
        "metrics.host": "127.0.0.1",
        "metrics.port": 0,
        "security_txt.contact": ["mailto:security@dossier.example", "https://dossier.example/report"],
        "security_txt.expires": "2999-01-01",
        "security_txt.policy": "https://dossier.example/policy",
    }
    with Service(tmp_path_factory.mktemp("production") / "data", settings) as running:
        yield running
    running.assert_log_clean()


def _get(address: str, token: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    asked = urllib.request.Request(address, method=method)  # noqa: S310  our own address
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(asked, timeout=HANG_SECONDS) as answer:  # noqa: S310  likewise
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, dict(refused.headers), refused.read()


def _own_address(service: Service) -> str:
    found = re.search(r"metrics +(http://\S+)", service.output())
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("", 401),
        ("not a token", 401),
        (tokens.token("u-1", "read:*"), 403),
        (tokens.token("u-1", "admin:dossier:*"), 403),
        (tokens.operator(), 200),
    ],
    ids=["nobody", "nonsense", "a reader", "an administrator of some channels", "an administrator of all"],
)
def test_in_production_the_metrics_are_for_administrators(production: Service, who: str, status: int) -> None:
    answered, _, body = _get(production.http + "/metrics", who)
    assert answered == status
    assert (b"dossier_connections" in body) is (status == 200)


def test_in_production_the_metrics_have_an_address_of_their_own_with_nothing_else(production: Service) -> None:
    own = _own_address(production)
    status, _, body = _get(own)
    assert status == 200
    assert b"dossier_connections" in body
    for path in ("/v1", "/v1/sessions", "/readyz", "/"):
        assert _get(own.removesuffix("/metrics") + path, tokens.operator())[0] == 404


def test_the_metrics_own_address_is_not_for_pages_or_foreign_names(production: Service) -> None:
    port = int(_own_address(production).rpartition(":")[2].partition("/")[0])

    class There:
        def __init__(self) -> None:
            self.port = port

    async def ask(*headers: tuple[str, str]) -> int:
        raw = await Raw.open(There())
        await raw.send(request("GET", "/metrics", *headers))
        answer = await raw.response()
        await raw.close()
        return answer.status

    assert asyncio.run(ask(("Host", "evil.test"))) == 421
    assert asyncio.run(ask(("Host", "localhost"), ("Origin", "https://dossier.example"))) == 403


def test_with_a_token_the_metrics_are_for_whoever_has_it_and_it_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SCRAPER + "\n")
    settings = {"metrics.token_file": str(file), "metrics.host": "127.0.0.1", "metrics.port": 0}
    with Service(tmp_path / "data", settings) as service:
        for address in (service.http + "/metrics", _own_address(service)):
            assert _get(address)[0] == 401
            assert _get(address, SCRAPER + "x")[0] == 401
            assert _get(address, SCRAPER)[0] == 200
        assert SCRAPER not in service.log()
        assert service.get("/v1/sessions", SCRAPER)[0] == 401, "it opens nothing else"
        file.write_text(SCRAPER[::-1])
        service.signal(signal.SIGHUP)
        eventually(lambda: "keys of tokens were read again" in service.log(), service.log)
        for address in (service.http + "/metrics", _own_address(service)):
            assert (_get(address, SCRAPER)[0], _get(address, SCRAPER[::-1])[0]) == (401, 200)
    service.assert_log_clean()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_answers_head_as_it_answers_get(production: Service, path: str) -> None:
    status, headers, body = _get(production.http + path, method="HEAD")
    expected = _get(production.http + path)
    assert (status, body) == (200, b"")
    assert headers["Content-Length"] == str(len(expected[2]))
    assert headers["Content-Type"] == expected[1]["Content-Type"]


def test_health_tells_strangers_parts_and_whether_they_work_and_nothing_else(production: Service) -> None:
    assert json.loads(_get(production.http + "/healthz")[2]) == {"status": "alive"}
    body = json.loads(_get(production.http + "/readyz")[2])
    assert body.keys() == {"status", "checks", "durability"}
    assert all(re.fullmatch("[a-z_]{1,20}", name) and answer is True for name, answer in body["checks"].items())


def test_security_txt_says_where_to_report(production: Service) -> None:
    status, headers, body = _get(production.http + "/.well-known/security.txt")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert body.decode().splitlines() == [
        "Contact: mailto:security@dossier.example",
        "Contact: https://dossier.example/report",
        "Expires: 2999-01-01T00:00:00Z",
        "Preferred-Languages: en, ar",
        "Policy: https://dossier.example/policy",
    ]


def test_without_a_contact_or_after_its_end_there_is_no_security_txt(service: Service, tmp_path: Path) -> None:
    assert service.get("/.well-known/security.txt")[0] == 404
    expired = {"security_txt.contact": ["mailto:a@b.example"], "security_txt.expires": "2020-01-01"}
    with Service(tmp_path / "data", expired) as old:
        assert old.get("/.well-known/security.txt")[0] == 404


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        ({"security_txt.contact": ["mailto:a@b.example"]}, "security_txt.expires is no date"),
        ({"security_txt.contact": ["mailto:a@b.example"], "security_txt.expires": "2027-02-30"}, "is no date"),
        ({"security_txt.contact": ["a@b.example"]}, "security_txt.contact"),
        ({"security_txt.contact": ["mailto:a@b.example\nPolicy: x"]}, "security_txt.contact"),
        ({"server.production": True, "metrics.host": "0.0.0.0"}, "strangers could reach"),
        ({"server.production": True, "metrics.host": "::"}, "strangers could reach"),
        ({"server.production": True, "metrics.host": "8.8.8.8"}, "strangers could reach"),
        ({"server.production": True, "metrics.host": "metrics.example.org"}, "strangers could reach"),
        ({"server.allowed_hosts": ["localhost:0"]}, "server.allowed_hosts: 'localhost:0' is no host"),
        ({"server.allowed_hosts": ["localhost:65536"]}, "server.allowed_hosts: 'localhost:65536' is no host"),
        ({"dashboard.allowed_hosts": ["a..b"]}, "dashboard.allowed_hosts: 'a..b' is no host"),
    ],
)
def test_settings_that_tell_strangers_too_much_or_nobody_anything_are_refused(
    overrides: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        load(None, {"DOSSIER_AUTH__SECRET": SECRET}, overrides)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "fd00::1", "localhost"])
def test_an_internal_address_may_have_the_metrics_without_a_token(host: str) -> None:
    overrides: dict[str, object] = {**PRODUCTION, "metrics.host": host}
    assert load(None, {"DOSSIER_AUTH__SECRET": SECRET}, overrides).metrics.host == host


def test_a_weak_token_for_the_metrics_ends_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    service = Service(tmp_path / "data", {"metrics.token_file": str(tmp_path / "token")})
    service.launch()
    assert service.wait() == 2
    assert service.log().startswith("dossier: metrics.token_file: the token has 6 bytes")


def test_nothing_of_a_request_makes_a_line_of_the_log_or_acts_in_it(tmp_path: Path) -> None:
    nasty = "\x9b31m\x85\xe2\x80\xae"
    targets = [
        f"/nowhere{nasty}",
        "/v1/users/%0a%1b%5b31m%e2%80%ae/disconnect",
        f"/v1?token={tokens.token('u-1')}",
        "/nowhere?password=hunter2",
        f"/v1/users/u-9/disconnect?access_token={tokens.token('u-1')}",
        f"/v1/users/{tokens.token('u-1')}/disconnect",
    ]

    async def ask(service: Service) -> None:
        for target in targets:
            raw = await Raw.open(service)
            headers = [("Host", "localhost"), ("Authorization", f"Bearer {tokens.operator()}"), ("Content-Length", "0")]
            await raw.send(request("POST", target, *headers, ("X-Reason", "because%0A%1B[31m%E2%80%AE")))
            await raw.response()
            await raw.close()

    for form in ("console", "json"):
        with Service(tmp_path / form, {"log.format": form, "log.level": "debug"}) as service:
            asyncio.run(ask(service))
        log = service.log_file.read_bytes().decode()
        assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]", log) is None
        assert "hunter2" not in log
        assert tokens.token("u-1")[:20] not in log
        assert all(line.startswith("{" if form == "json" else "20") for line in log.splitlines()), log
        reasons = [entry.header.detail.get("reason", "") for entry in service.journal() if entry.header.detail]
        assert "because  [31m" in reasons
        journal = b"".join(path.read_bytes() for path in (service.data / "journal").iterdir())
        assert b"access_token=[token]" in journal
        assert tokens.token("u-1")[:20].encode() not in journal


def test_over_tls_every_answer_tells_browsers_to_stay_there(tmp_path: Path, service: Service) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "chain.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    settings = {"server.tls_certificate": str(tmp_path / "chain.pem"), "server.tls_key": str(tmp_path / "key.pem")}

    async def ask(to: Service, path: str, tls: Any) -> dict[str, str]:
        raw = await Raw.open(to, tls=tls)
        await raw.send(request("GET", path, ("Host", "localhost")))
        answer = await raw.response()
        await raw.close()
        return dict(answer.headers)

    import ssl

    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Service(tmp_path / "data", settings, secure=True) as secured:
        for path in ("/healthz", "/v1", "/v1/sessions", "/nowhere"):
            headers = asyncio.run(ask(secured, path, context))
            assert headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in asyncio.run(ask(service, "/healthz", None))
