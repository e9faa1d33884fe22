"""Pages of other origins: allowed ones may make every HTTP call and read its answer, all others are named in the log.

The routing table is walked, so that a new route joins; and the handlers' source, so that a new header does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.web.application import ROUTES
from app.web.http import cors
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT, Service

DASHBOARD = "https://dossier.example.org"
PHONE = "capacitor://localhost"
FOREIGN = "http://intranet.example:3000"
METHODS = ("GET", "POST", "PUT", "DELETE")

_PLACES = {"channels": "dossier:country:SA", "documents": "d-1"}
PATHS = [
    re.sub(r"\([^)]*\)", _PLACES.get(pattern.split("/")[2] if pattern.startswith("/v1/") else "", "x-1"), pattern)
    for pattern in (route[0].replace("\\", "") for route in ROUTES)
]

_OF_BROWSERS = {"Host", "Origin", "Cookie", "Content-Length", "Content-Encoding", "Transfer-Encoding"}
_OF_HANDSHAKES = {"Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"}
_OF_PROXIES = {"X-Forwarded-For"}
_ALWAYS_READABLE = {"Cache-Control", "Content-Type", "Content-Length"}
_FOR_BROWSERS = {
    *("Server", "X-Content-Type-Options", "Content-Security-Policy", "Strict-Transport-Security", "Vary"),
    "Referrer-Policy",
}
_OF_PREFLIGHTS = {"Access-Control-Request-Method"}


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that allows two other origins, one of them a phone app's."""
    settings = {"server.allowed_origins": ["own", DASHBOARD, PHONE, "tauri://localhost", "ionic://localhost"]}
    with Service(tmp_path_factory.mktemp("origins") / "data", settings) as running:
        yield running
    running.assert_log_clean()


@pytest.fixture(scope="module")
def http(allowing: Service) -> Iterator[httpx.Client]:
    """Calls of that service."""
    each_anew = httpx.Limits(max_keepalive_connections=0)  # a refusal before the body may end its connection
    with httpx.Client(base_url=allowing.http, timeout=HANG_SECONDS, limits=each_anew) as client:
        yield client


def preflight(http: httpx.Client, path: str, origin: str, method: str) -> httpx.Response:
    """Ask as a browser does before a call that is not a simple one."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return http.request("OPTIONS", path, headers=asked | {"Access-Control-Request-Headers": "authorization,x-reason"})


def test_the_table_is_walked_whole() -> None:
    assert len(PATHS) == len(ROUTES)
    assert {"/v1/publish", "/v1/schema.json", "/v1/asyncapi.json", "/.well-known/security.txt"} <= set(PATHS)
    assert not [path for path in PATHS if "(" in path]


@pytest.mark.parametrize("origin", [DASHBOARD, PHONE])
@pytest.mark.parametrize("path", PATHS)
def test_an_allowed_origin_may_make_every_call_of_the_table(path: str, origin: str, http: httpx.Client) -> None:
    for method in METHODS:
        asked = preflight(http, path, origin, method)
        assert asked.status_code == 204
        assert asked.headers["Access-Control-Allow-Origin"] == origin
        allowed = asked.headers["Access-Control-Allow-Methods"].split(", ")
        names = asked.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert {"authorization", "idempotency-key", "x-reason", "content-type", "if-match"} <= set(names)
        assert int(asked.headers["Access-Control-Max-Age"]) > 0
        made = http.request(method, path, headers={"Origin": origin})
        assert made.headers["Access-Control-Allow-Origin"] == origin
        assert "Retry-After" in made.headers["Access-Control-Expose-Headers"]
        assert (made.status_code == 405) == (method not in allowed)
        for answer in (asked, made):
            assert answer.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "*" not in {value for name, value in answer.headers.items() if name.startswith("access-control")}


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_a_foreign_origin_may_make_none_and_no_answer_is_for_all(path: str, http: httpx.Client) -> None:
    for method in METHODS:
        body: dict[str, str] | None = {} if method in ("POST", "PUT") else None
        for answer in (
            preflight(http, path, FOREIGN, method),
            http.request(method, path, headers={"Origin": FOREIGN}, json=body),
        ):
            assert answer.status_code == 403
            assert "server.allowed_origins" in answer.json()["message"]
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["Vary"] == "Origin"
    answer = http.get(path)
    assert answer.status_code != 403
    assert answer.headers["Vary"] == "Origin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_refusals_before_the_handler_can_be_read_by_an_allowed_origin_too(http: httpx.Client) -> None:
    for answer in (
        http.get("/nothing", headers={"Origin": DASHBOARD}),
        http.post("/v1/publish", content=b"x" * 70_000, headers={"Origin": DASHBOARD}),
        http.post("/v1/publish", content=b"{}", headers={"Origin": DASHBOARD, "Content-Type": "text/plain"}),
        http.get("/v1/publish", headers={"Origin": DASHBOARD, **{f"X-{n}": "x" for n in range(101)}}),
    ):
        assert answer.status_code in (404, 413, 415, 431)
        assert answer.headers["Access-Control-Allow-Origin"] == DASHBOARD


def test_a_preflight_asks_for_no_token_and_does_nothing(allowing: Service, http: httpx.Client) -> None:
    before = allowing.metrics()["dossier_events_published_total"]
    answer = preflight(http, "/v1/publish", DASHBOARD, "POST")
    assert (answer.status_code, answer.content) == (204, b"")
    assert allowing.metrics()["dossier_events_published_total"] == before
    answer = http.request("OPTIONS", "/v1/publish", headers={"Origin": DASHBOARD})
    assert answer.status_code == 405


def test_the_log_names_a_foreign_origin_and_the_setting_once(allowing: Service, http: httpx.Client) -> None:
    sent = "http://unheard-of.example:4200"
    for _ in range(50):
        http.get("/v1/schema.json", headers={"Origin": sent})
    http.get("/v1/schema.json", headers={"Host": "elsewhere.example"})

    def lines(words: str) -> list[str]:
        return [line for line in allowing.log().splitlines() if f"{words} was refused" in line]

    (line,) = eventually(lambda: lines(f"Origin {sent}"))
    assert "server.allowed_origins (DOSSIER_SERVER__ALLOWED_ORIGINS)" in line
    assert "address=127.0.0.1" in line
    (line,) = eventually(lambda: lines("Host elsewhere.example"))
    assert "server.allowed_hosts (DOSSIER_SERVER__ALLOWED_HOSTS)" in line


def test_every_header_that_a_handler_reads_or_sets_is_one_that_scripts_may_use() -> None:
    read, written = set(), set()
    for file in sorted((ROOT / "app" / "web").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="set_header"), args=[ast.Constant(str(name)), *_]):
                    written.add({"Etag": "ETag"}.get(name, name))
                case ast.Call(
                    func=ast.Attribute(attr="get" | "get_list", value=of), args=[ast.Constant(str(name)), *_]
                ):
                    read |= {name} if ast.unparse(of).endswith("headers") else set()
                case ast.Compare(left=ast.Constant(str(name)), comparators=[of]):
                    read |= {name} if ast.unparse(of).endswith("headers") else set()
                case _:
                    pass
    assert {"If-Match", "Authorization", "X-Reason", "Idempotency-Key"} <= read
    assert read - _OF_BROWSERS - _OF_HANDSHAKES - _OF_PROXIES - _OF_PREFLIGHTS == set(cors.REQUEST_HEADERS)
    assert written - _OF_HANDSHAKES - _ALWAYS_READABLE - _FOR_BROWSERS == set(cors.ANSWER_HEADERS)


@pytest.mark.parametrize(
    "ports", [{"server.port": 0}, {"dashboard.port": 5999}, {"server.allowed_origins": ["own", DASHBOARD]}]
)
def test_a_changed_port_needs_no_change_of_the_lists(ports: dict[str, object], tmp_path: Path) -> None:
    with Service(tmp_path / "data", ports) as service:
        for port in (service.port, ports.get("dashboard.port", 5006)):
            for host in ("localhost", "127.0.0.1", "[::1]"):
                origin = f"http://{host}:{port}"
                answer = httpx.get(f"{service.http}/v1/schema.json", headers={"Origin": origin}, timeout=HANG_SECONDS)
                assert answer.headers["Access-Control-Allow-Origin"] == origin
        if service.port != 8000:
            foreign = {"Origin": "http://localhost:8000"}
            answer = httpx.get(f"{service.http}/v1/schema.json", headers=foreign, timeout=HANG_SECONDS)
            assert answer.status_code == 403
