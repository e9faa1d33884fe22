"""Who gets in: Host, Origin, login, and whose page a socket is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bokeh.util.token import generate_jwt_token, generate_session_id, get_token_payload

from dashboard.screen.panes import PANES
from dashboard.site.login_sessions import COOKIE, HOST_COOKIE
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.ports import reserve
from tests.harness.service import Service

_TOKEN = re.compile(r'"token":"([^"]+)"')
_SOCKET = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def page_token(dashboard: Dashboard, cookie: str) -> str:
    found = _TOKEN.search(dashboard.ask("/overview", Cookie=cookie)[2])
    assert found is not None
    return found[1]


def probe(dashboard: Dashboard, token: str, cookie: str = "", **headers: str) -> int:
    """Ask for the socket of a page; the status."""
    asked = _SOCKET | {"Origin": dashboard.url, "Sec_WebSocket_Protocol": f"bokeh, {token}"}
    if cookie:
        asked["Cookie"] = cookie
    return dashboard.ask("/overview/ws", **asked | headers)[0]


@pytest.mark.parametrize("path", ["/", "/login", "/overview", "/assets/page.css", "/healthz", "/overview/ws"])
def test_a_rebound_name_is_turned_away(dashboard: Dashboard, path: str) -> None:
    host = f"evil.test:{dashboard.port}"
    assert dashboard.ask(path, Host=host, Origin=f"http://{host}", Sec_Fetch_Site="same-origin")[0] == 421


@pytest.mark.parametrize("origin", ["http://evil.test", "null", "https://localhost:1", "file://"])
def test_a_foreign_origin_is_turned_away(dashboard: Dashboard, origin: str) -> None:
    assert dashboard.ask("/login", Origin=origin)[0] == 403
    assert dashboard.login("x.y.z", Origin=origin)[0] == 403
    cookie = dashboard.cookie()
    assert probe(dashboard, page_token(dashboard, cookie), cookie, Origin=origin) == 403


def test_a_changed_port_needs_no_change_of_hosts_or_origins(service: Service, tmp_path: Path) -> None:
    with Dashboard(service, tmp_path, listens_at=reserve()) as elsewhere:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            origin = f"http://{host}:{elsewhere.port}"
            form = {"Host": f"{host}:{elsewhere.port}", "Origin": origin}
            assert elsewhere.login(tokens.token("omar", "admin:*", role="operator"), **form)[0] == 303
        assert elsewhere.login("x.y.z", Origin="http://localhost:5006")[0] == 403
        assert "Origin http://localhost:5006 was refused with 403" in elsewhere.log_file.read_text()
        assert "dashboard.allowed_origins (DOSSIER_DASHBOARD__ALLOWED_ORIGINS)" in elsewhere.log_file.read_text()


@pytest.mark.parametrize("name", PANES)
def test_without_a_login_every_page_leads_to_it(dashboard: Dashboard, name: str) -> None:
    status, headers, body = dashboard.ask(f"/{name}?lang=ar")
    assert (status, headers["Location"], body) == (302, "/login?lang=ar", "")


@pytest.mark.parametrize(
    "path", ["/nothing", "/overview/autoload.js?bokeh-autoload-element=x", "/overview/metadata", "/overview/"]
)
def test_what_nobody_needs_is_not_served(dashboard: Dashboard, path: str) -> None:
    assert dashboard.ask(path, Cookie=dashboard.cookie())[0] == 404


def test_a_good_token_opens_and_its_cookie_says_nothing(dashboard: Dashboard) -> None:
    status, headers, _ = dashboard.login(tokens.token("omar", "admin:*", role="operator"))
    assert (status, headers["Location"]) == (303, "/overview?lang=en&theme=light")
    cookie = headers["Set-Cookie"]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Strict", cookie)


@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("", 401),
        ("not a token", 401),
        ("x" * 9_000, 401),
        (tokens.signed(tokens.claims(role="operator", exp=1_000_000_000)), 401),
        (tokens.signed(tokens.claims(role="operator"), secret="another secret of more than 32 bytes"), 401),
        (tokens.token("omar", "read:dossier:*", role="editor"), 403),
        (tokens.token("omar"), 403),
    ],
)
def test_other_tokens_open_nothing(dashboard: Dashboard, token: str, status: int) -> None:
    answer, headers, _ = dashboard.login(token)
    assert answer == status
    assert "Set-Cookie" not in headers


def test_neither_cookie_nor_token_is_in_a_page(dashboard: Dashboard) -> None:
    cookie = dashboard.cookie()
    _, headers, page = dashboard.ask("/overview", Cookie=cookie, User_Agent="agent-1975")
    payload = get_token_payload(page_token(dashboard, cookie))
    assert cookie.partition("=")[2] not in page
    assert "agent-1975" not in page
    assert payload["cookies"] == {}
    assert payload["headers"] == {}
    assert "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" not in page
    assert headers["Cache-Control"] == "no-store"


def test_every_answer_has_the_headers_of_a_closed_house(dashboard: Dashboard) -> None:
    for path in ("/login", "/overview", "/assets/page.css", "/static/js/bokeh.min.js", "/nothing"):
        headers = dashboard.ask(path, Cookie=dashboard.cookie())[1]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "blob:" not in policy
        assert "Strict-Transport-Security" not in headers  # the browser came without TLS
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers


def test_a_socket_needs_the_login_that_opened_its_page(dashboard: Dashboard) -> None:
    cookie, other = dashboard.cookie(), dashboard.cookie()
    token = page_token(dashboard, cookie)
    assert probe(dashboard, token, cookie) == 101
    assert probe(dashboard, token) == 403
    assert probe(dashboard, token, other) == 403
    assert probe(dashboard, token, f"{COOKIE}=guessed") == 403


def test_a_forged_or_altered_session_is_turned_away(dashboard: Dashboard) -> None:
    cookie = dashboard.cookie()
    good = page_token(dashboard, cookie)
    payload = {"visit": get_token_payload(good)["visit"]}
    session = generate_session_id(secret_key=b"mine", signed=True)
    forged = generate_jwt_token(session, secret_key=b"mine", signed=True, extra_payload=payload)
    unsigned = generate_jwt_token(generate_session_id(signed=False), signed=False, extra_payload=payload)
    for token in (forged, unsigned, good[:-2], f"x{good}", "", "a.b", "\u00e9"):
        assert probe(dashboard, token.encode().decode("latin-1"), cookie) == 403


@pytest.mark.parametrize("given", ["?bokeh-session-id=mine", "?bokeh-token=mine"])
def test_nobody_brings_a_session_along(dashboard: Dashboard, given: str) -> None:
    assert dashboard.ask(f"/overview{given}", Cookie=dashboard.cookie())[0] == 403
    assert dashboard.ask("/overview", Cookie=dashboard.cookie(), Bokeh_Session_Id="mine")[0] == 403


def test_after_logging_out_a_page_and_its_socket_are_closed(dashboard: Dashboard) -> None:
    cookie = dashboard.cookie()
    token = page_token(dashboard, cookie)
    assert dashboard.ask("/logout", "POST", Cookie=cookie)[0] == 403  # a form of a foreign site
    assert dashboard.ask("/logout", "POST", Cookie=cookie, Origin=dashboard.url)[0] == 303
    assert dashboard.ask("/overview", Cookie=cookie)[0] == 302
    assert probe(dashboard, token, cookie) == 403


def test_guessing_tokens_is_slowed_down(service: Service, tmp_path: Path) -> None:
    with Dashboard(service, tmp_path) as fresh:
        answers = [fresh.login(f"a.b.{number}")[0] for number in range(31)]
    assert answers == [401] * 30 + [429]


def test_without_the_service_a_login_says_so(service: Service, tmp_path: Path) -> None:
    nowhere = Service(tmp_path / "data")
    nowhere.port = 9
    with Dashboard(nowhere, tmp_path) as alone:
        assert alone.login(tokens.token("omar", "admin:*", role="operator"))[0] == 503


def test_behind_a_proxy_that_ends_tls_the_cookies_are_this_hosts_alone(service: Service, tmp_path: Path) -> None:
    """`__Host-`: no neighbour under the same domain can plant one, and none goes over a line in the clear."""
    with Dashboard(service, tmp_path, {"DOSSIER_DASHBOARD__BEHIND_PROXY": "true"}) as secure:
        status, headers, _ = secure.login(tokens.token("omar", "admin:*", role="operator"))
        assert status == 303
        cookie = headers["Set-Cookie"]
        assert re.fullmatch(rf"{HOST_COOKIE}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=Strict; Secure", cookie)
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        key = cookie.partition(";")[0]
        assert secure.ask("/overview", Cookie=key)[0] == 200
        assert secure.ask("/overview", Cookie=key.removeprefix("__Host-"))[0] == 302
        left = secure.ask("/logout", "POST", Cookie=key, Origin=secure.url)[1]["Set-Cookie"]
        assert left.startswith(f'{HOST_COOKIE}="";')
        assert "Secure" in left
        assert secure.ask("/overview", Cookie=key)[0] == 302
