"""Logging in through the identity provider, and every way to come back that is not the way one left (P18)."""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from dashboard.language.display_options import DisplayOptions
from dashboard.site import oidc
from dashboard.site.login_sessions import COOKIE
from dashboard.site.oidc import (
    MAX_PENDING_LOGINS,
    PENDING_LOGIN_SECONDS,
    OidcConfig,
    PendingLogin,
    PendingLogins,
    ProviderError,
)
from dashboard.site.oidc_login import BROWSER_COOKIE
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.identity_provider import CLIENT, SECRET, Manners, Provider, asked_of
from tests.dashboard.oidc_logins import OPERATOR, Traveller, oidc_settings
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT, Service

HOME = "lang=en&theme=light"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def manners(provider: Provider) -> Iterator[Manners]:
    """The provider's, good again for each test."""
    provider.manners = Manners(claims=dict(OPERATOR))
    yield provider.manners
    provider.manners = Manners()


@pytest.fixture
def traveller(oidc_dashboard: Dashboard, provider: Provider) -> Iterator[Traveller]:
    """A browser. At its end: neither it nor the log got anything that the provider hands out."""
    somebody = Traveller(oidc_dashboard, provider)
    yield somebody
    assert_untold(provider, oidc_dashboard, somebody)


def assert_untold(provider: Provider, dashboard: Dashboard, somebody: Traveller) -> None:
    log = dashboard.log_file.read_text()
    for secret in (*provider.handed_out, SECRET, quote(SECRET)):
        assert not any(secret in seen for seen in (*somebody.seen, *somebody.cookies.values(), log))


def test_whom_the_provider_sends_is_let_in(traveller: Traveller) -> None:
    assert traveller.arrive(traveller.agree(traveller.leave("?lang=ar&theme=dark"))) == "/login/done?lang=ar&theme=dark"
    assert traveller.cookies.keys() == {BROWSER_COOKIE, COOKIE}
    status, _, page = traveller.ask("/overview?lang=en")
    assert status == 200
    assert "<bdi>Omar</bdi>" in page
    assert "Operator" in page


def test_the_request_says_all_that_binds_it_and_nothing_secret(traveller: Traveller, oidc_dashboard: Dashboard) -> None:
    status, headers, _ = traveller.ask("/login/oidc?lang=ar")
    asked = asked_of(headers["Location"])
    assert (status, headers["Cache-Control"]) == (302, "no-store")
    assert re.fullmatch(
        rf"{BROWSER_COOKIE}=[\w-]{{43}}; HttpOnly; Max-Age=600; Path=/login/oidc; SameSite=Lax", headers["Set-Cookie"]
    )
    assert {name: value for name, value in asked.items() if name not in ("state", "nonce", "code_challenge")} == {
        "tenant": "office",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{oidc_dashboard.url}/login/oidc/callback",
        "scope": "openid profile",
        "code_challenge_method": "S256",
        "ui_locales": "ar",
    }
    again = asked_of(traveller.leave())
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


def test_the_way_back_ends_on_a_page_that_goes_on_by_itself(oidc_dashboard: Dashboard) -> None:
    status, headers, page = oidc_dashboard.ask("/login/done?lang=ar&theme=dark&next=http://evil.test")
    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert 'http-equiv="refresh" content="0; url=/overview?lang=ar&amp;theme=dark"' in page
    assert "evil" not in page
    assert "<script" not in page


def test_two_tabs_may_log_in_at_once(traveller: Traveller) -> None:
    for address in (traveller.leave(), traveller.leave()):
        assert traveller.arrive(traveller.agree(address)) == f"/login/done?{HOME}"
        assert traveller.is_in


Attack = Callable[[Traveller, dict[str, str]], "dict[str, str] | str"]


def _another_browser(traveller: Traveller, answer: dict[str, str]) -> dict[str, str]:
    traveller.cookies[BROWSER_COOKIE] = "A" * 43
    return answer


def _no_browser(traveller: Traveller, answer: dict[str, str]) -> dict[str, str]:
    traveller.cookies.clear()
    return answer


def _used(traveller: Traveller, answer: dict[str, str]) -> dict[str, str]:
    kept = traveller.cookies[BROWSER_COOKIE]
    traveller.arrive(answer)
    traveller.cookies = {BROWSER_COOKIE: kept}
    return answer


def _injected(traveller: Traveller, answer: dict[str, str]) -> dict[str, str]:
    """A code that was issued to somebody else, in a login of one's own."""
    return traveller.agree(traveller.leave(), "victim") | {"state": answer["state"]}


ATTACKS: dict[str, tuple[Attack, str]] = {
    "no state": (lambda _, answer: answer | {"state": ""}, "oidc_again"),
    "a guessed state": (lambda _, answer: answer | {"state": "A" * 43}, "oidc_again"),
    "a state and another": (lambda _, answer: f"state={answer['state']}&state=x&code={answer['code']}", "oidc_again"),
    "a state that is no text": (lambda _, answer: f"state=%ff%00&code={answer['code']}", "oidc_again"),
    "a state that was used": (_used, "oidc_again"),
    "the state of another browser": (_another_browser, "oidc_again"),
    "a link to come back by": (_no_browser, "oidc_again"),
    "an error out of nowhere": (lambda *_: {"error": "access_denied"}, "oidc_again"),
    "nothing": (lambda *_: "", "oidc_again"),
    "another issuer": (lambda _, answer: answer | {"iss": "https://evil.test"}, "oidc_failed"),
    "an issuer and another": (lambda _, answer: f"{_query(answer)}&iss=https://evil.test", "oidc_failed"),
    "no issuer": (lambda _, answer: {name: answer[name] for name in ("code", "state")}, "oidc_failed"),
    "a guessed code": (lambda _, answer: answer | {"code": "guessed"}, "oidc_failed"),
    "no code": (lambda _, answer: answer | {"code": ""}, "oidc_failed"),
    "an endless code": (lambda _, answer: answer | {"code": "x" * 5_000}, "oidc_failed"),
    "the code of somebody else": (_injected, "oidc_failed"),
    "a cancelled login": (
        lambda _, answer: answer | {"error": "access_denied", "error_description": MARKUP},
        "oidc_denied",
    ),
    "an error with markup": (lambda _, answer: answer | {"error": MARKUP, "error_description": MARKUP}, "oidc_failed"),
}


def _query(answer: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in answer.items())


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_comes_back_another_way_than_they_left_is_not_let_in(
    attack: str, traveller: Traveller, oidc_dashboard: Dashboard
) -> None:
    alter, said = ATTACKS[attack]
    location = traveller.arrive(alter(traveller, traveller.agree(traveller.leave())))
    assert location == f"/login?{HOME}&said={said}"
    assert COOKIE not in traveller.cookies
    status, _, page = traveller.ask(location)
    assert (status, page.count('role="alert"'), page.count("onerror")) == (200, 1, 0)
    assert "onerror" not in oidc_dashboard.log_file.read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id_claims": {"nonce": "of another login"}}, "oidc_failed"),
        ({"id_claims": {"nonce": None}}, "oidc_failed"),
        ({"id_claims": {"aud": "another client"}}, "oidc_failed"),
        ({"id_claims": {"aud": [CLIENT, "another"], "azp": "another"}}, "oidc_failed"),
        ({"id_claims": {"iss": "https://evil.test"}}, "oidc_failed"),
        ({"claims": OPERATOR | {"aud": "another service"}}, "oidc_token"),
        ({"claims": OPERATOR | {"exp": 1_000_000_000}}, "oidc_token"),
        ({"claims": OPERATOR | {"role": "editor"}}, "role"),
        ({"claims": {}}, "role"),
        ({"token_answer": (200, "<h1>Welcome</h1>")}, "oidc_down"),
        ({"token_answer": (200, '{"access_token": 5}')}, "oidc_down"),
        ({"token_answer": (200, "{}")}, "oidc_failed"),
        ({"token_answer": (200, '{"access_token": "a.b.c", "id_token": "a"}')}, "oidc_failed"),
        ({"token_answer": (200, '{"access_token": "a.b.c"}')}, "oidc_token"),
        ({"token_answer": (200, '{"access_token": "a\\r\\nX-Evil: 1"}')}, "oidc_token"),
        ({"token_answer": (200, '{"access_token": "' + "x" * 300_000 + '"}')}, "oidc_down"),
        ({"token_answer": (302, "")}, "oidc_down"),
        ({"token_answer": (503, MARKUP)}, "oidc_down"),
    ],
)
def test_whatever_the_provider_answers_only_a_good_token_opens(
    wrong: dict[str, Any], said: str, provider: Provider, fresh_attempts: Dashboard
) -> None:
    somebody = Traveller(fresh_attempts, provider)
    answer = somebody.agree(somebody.leave())
    provider.manners = Manners(**{"claims": dict(OPERATOR)} | wrong)
    if "claims" in wrong:  # they are fixed when the code is issued
        answer = somebody.agree(somebody.leave())
    assert somebody.arrive(answer) == f"/login?{HOME}&said={said}"
    assert COOKIE not in somebody.cookies
    assert_untold(provider, fresh_attempts, somebody)


@pytest.fixture(scope="module")
def fresh_attempts(
    provider: Provider, oidc_service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """Another dashboard: one address may fail only so often."""
    folder = tmp_path_factory.mktemp("fresh")
    with Dashboard(oidc_service, folder, oidc_settings(provider, folder)) as running:
        provider.redirect_uris.add(f"{running.url}/login/oidc/callback")
        yield running
    running.assert_log_clean()


@pytest.mark.parametrize(
    "query",
    ["?redirect_uri=http://evil.test/", "?next=http://evil.test/", "?lang=http://evil.test/&theme=//evil.test"],
)
def test_no_address_is_taken_from_the_query(query: str, traveller: Traveller, oidc_dashboard: Dashboard) -> None:
    address = traveller.leave(query)
    assert "evil" not in address
    assert asked_of(address)["redirect_uri"] == f"{oidc_dashboard.url}/login/oidc/callback"
    assert traveller.arrive(_query(traveller.agree(address)) + query.replace("?", "&")) == f"/login/done?{HOME}"


def test_no_address_is_taken_from_the_host(traveller: Traveller, oidc_dashboard: Dashboard) -> None:
    assert traveller.ask("/login/oidc", Host="evil.test")[0] == 421
    assert traveller.ask("/login/oidc/callback", Host="evil.test")[0] == 421
    for headers in ({"Host": "localhost:1"}, {"Host": "[::1]"}, {"X_Forwarded_Host": "evil.test"}):
        back = asked_of(traveller.leave(**headers))["redirect_uri"]
        assert back in ("http://localhost:5006/login/oidc/callback", f"{oidc_dashboard.url}/login/oidc/callback")
    here = asked_of(traveller.leave(Host=f"127.0.0.1:{oidc_dashboard.port}"))["redirect_uri"]
    assert here == f"http://127.0.0.1:{oidc_dashboard.port}/login/oidc/callback"


@pytest.mark.parametrize("said", [MARKUP, "title", "../x", "%ff", "token"])
def test_the_login_page_says_only_what_it_knows(said: str, oidc_dashboard: Dashboard) -> None:
    status, _, page = oidc_dashboard.ask(f"/login?said={quote(said, safe='%')}")
    assert (status, page.count('role="alert"'), page.count("onerror")) == (200, 0, 0)
    assert "Log in with Office &lt;Account&gt;" in page


def test_only_the_front_of_the_way_is_open(oidc_dashboard: Dashboard) -> None:
    for path in ("/login/oidc/", "/login/oidc/callback/x", "/login/other"):
        assert oidc_dashboard.ask(path)[0] == 404
    for path in ("/login/oidc", "/login/oidc/callback", "/login/done"):
        assert oidc_dashboard.ask(path, "POST", "x=1", Origin=oidc_dashboard.url)[0] == 405


def test_who_leaves_is_shown_the_way_out_of_the_provider_too(
    traveller: Traveller, oidc_dashboard: Dashboard, provider: Provider
) -> None:
    traveller.arrive(traveller.agree(traveller.leave()))
    _, headers, _ = traveller.ask("/logout", "POST", Origin=oidc_dashboard.url)
    assert headers["Location"] == f"/login?{HOME}&said=left"
    assert COOKIE not in traveller.cookies
    page = traveller.ask(headers["Location"])[2]
    assert f'href="{provider.issuer}/logout?client_id={CLIENT.replace(" ", "+")}"' in page


def test_the_id_token_may_be_the_one_that_counts(provider: Provider, oidc_service: Service, tmp_path: Path) -> None:
    settings = oidc_settings(provider, tmp_path, token="id_token")
    with Dashboard(oidc_service, tmp_path, settings) as running:
        provider.redirect_uris.add(f"{running.url}/login/oidc/callback")
        for audience, place in (([CLIENT, "dossier-realtime"], "/login/done?"), (CLIENT, "/login?")):
            provider.manners.id_claims = {"aud": audience}
            somebody = Traveller(running, provider)
            assert somebody.arrive(somebody.agree(somebody.leave())).startswith(place)
            assert somebody.is_in == (place == "/login/done?")
            assert_untold(provider, running, somebody)


def test_coming_back_wrongly_is_slowed_down(provider: Provider, oidc_service: Service, tmp_path: Path) -> None:
    with Dashboard(oidc_service, tmp_path, oidc_settings(provider, tmp_path)) as running:
        somebody = Traveller(running, provider)
        said = [somebody.arrive(f"state={number}").partition("said=")[2] for number in range(31)]
        assert running.login("a.b.c")[0] == 429
    assert said == ["oidc_again"] * 30 + ["often"]


def test_without_the_provider_there_is_a_sentence_and_the_token_still_opens(
    oidc_service: Service, tmp_path: Path
) -> None:
    with Provider() as gone:
        settings = oidc_settings(gone, tmp_path)
    with Dashboard(oidc_service, tmp_path, settings) as running:
        status, headers, _ = running.ask("/login/oidc")
        assert (status, headers["Location"]) == (303, f"/login?{HOME}&said=oidc_down")
        assert "does not work at the moment" in running.ask(headers["Location"])[2]
        assert running.login("a.b.c")[0] == 401
    running.assert_log_clean()


def test_the_certificate_of_the_provider_is_checked(oidc_service: Service, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with Provider(context) as secured:
        settings = oidc_settings(secured, tmp_path)
        with Dashboard(oidc_service, tmp_path, settings) as running:
            assert running.ask("/login/oidc")[1]["Location"] == f"/login?{HOME}&said=oidc_down"
        with Dashboard(
            oidc_service, tmp_path, settings | {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
        ) as running:
            there = f"{secured.issuer}/authorize?"  # after a call that took too long it is asked again
            eventually(
                lambda: running.ask("/login/oidc")[1]["Location"].startswith(there),
                running.log_file.read_text,
                poll=0.5,
            )


def test_a_good_token_opens_beside_the_provider(provider: Provider, oidc_dashboard: Dashboard) -> None:
    status, headers, _ = oidc_dashboard.login(provider.token(sub="nora", **OPERATOR))
    assert (status, headers["Location"]) == (303, f"/overview?{HOME}")


def test_a_secret_that_cannot_be_read_ends_the_start_in_one_line(provider: Provider, tmp_path: Path) -> None:
    settings = oidc_settings(provider, tmp_path, client_secret_file=str(tmp_path / "absent"))
    command = [sys.executable, "run.py", "dashboard", "--port", "0", "--service", "http://127.0.0.1:9"]
    environment = os.environ | {"DOSSIER_AUTH__SECRET": tokens.SECRET} | settings
    start = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert start.returncode == 2
    assert start.stderr.startswith("dossier: dashboard.oidc.client_secret_file cannot be read")
    assert start.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b" \n", "dashboard.token_file is empty: put the dashboard's token there"),
        (b"\xff", "token is no text: put the dashboard's token there"),
        (None, "token cannot be read (No such file or directory): put the dashboard's token there"),
    ],
)
def test_a_token_file_without_a_token_ends_the_start_in_one_line(
    held: bytes | None, said: str, provider: Provider, tmp_path: Path
) -> None:
    settings = oidc_settings(provider, tmp_path)
    if held is None:
        (tmp_path / "token").unlink()
    else:
        (tmp_path / "token").write_bytes(held)
    command = [sys.executable, "run.py", "dashboard", "--port", "0", "--service", "http://127.0.0.1:9"]
    environment = os.environ | settings
    start = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert start.returncode == 2
    assert start.stderr.startswith("dossier: dashboard.token_file")
    assert said in start.stderr
    assert start.stderr.count("\n") == 1


def test_without_the_setting_nothing_of_it_is_there(dashboard: Dashboard) -> None:
    page = dashboard.ask("/login?said=oidc_down")[2]
    assert 'role="alert"' not in page
    assert "/login/oidc" not in page
    assert "the identity provider" not in page
    for path in ("/login/oidc", "/login/oidc/callback", "/login/done"):
        assert dashboard.ask(path)[0] == 404


# --- the parts


def described(provider: Provider, **changed: Any) -> OidcConfig:
    names = {"en": "x", "ar": "x"}
    values: dict[str, Any] = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    return OidcConfig(**values | {"scopes": ("openid",), "token": "access_token", "names": names} | changed)


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.test"},
        {"token_endpoint": "http://evil.test/token"},
        {"token_endpoint": "https://[evil/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
    ],
)
def test_a_provider_that_describes_itself_badly_is_not_used(description: dict[str, Any], provider: Provider) -> None:
    async def ask() -> None:
        provider.manners.description = description
        asking = oidc.Provider(described(provider))
        with pytest.raises(ProviderError) as failed:
            await asking.endpoints()
        assert failed.value.said == "oidc_down"
        await asking.close()

    asyncio.run(ask())


def test_the_provider_is_asked_once_an_hour_and_after_a_failure_soon_again(provider: Provider) -> None:
    async def ask() -> None:
        now = 0.0
        asking = oidc.Provider(described(provider), clock=lambda: now)
        before = provider.descriptions
        provider.manners.description = {"issuer": "https://evil.test"}
        for _ in range(3):
            with pytest.raises(ProviderError):
                await asking.endpoints()
        assert provider.descriptions == before + 1
        provider.manners.description = {}
        now = 6.0
        await asyncio.gather(*(asking.endpoints() for _ in range(20)))
        assert provider.descriptions == before + 2
        now += 3_601
        await asking.endpoints()
        assert provider.descriptions == before + 3
        await asking.close()

    asyncio.run(ask())


def _pending(began_at: float, address: str = "192.0.2.1") -> PendingLogin:
    return PendingLogin("browser", "verifier", "nonce", "http://localhost/", DisplayOptions(), address, began_at)


def test_a_login_comes_back_once_and_in_time() -> None:
    away = PendingLogins()
    state = away.begin(_pending(0))
    assert away.end(state, "browser", PENDING_LOGIN_SECONDS) is not None
    assert away.end(state, "browser", PENDING_LOGIN_SECONDS) is None
    late = away.begin(_pending(0))
    assert away.end(late, "browser", PENDING_LOGIN_SECONDS + 1) is None


def test_whoever_begins_very_many_logins_pushes_out_only_their_own() -> None:
    away = PendingLogins()
    mine = away.begin(_pending(0, "192.0.2.7"))
    first, *_, last = [away.begin(_pending(1)) for _ in range(MAX_PENDING_LOGINS + 10)]
    assert away.end(mine, "browser", 2) is not None
    assert away.end(last, "browser", 2) is not None
    assert away.end(first, "browser", 2) is None
