"""Pages of a real Chromium: one connection for all tabs; without a network, and with a token that ends."""

from __future__ import annotations

import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.dashboard.chromium import chromium
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import Service

TABS = 11  # one more than a user may have connections
CHANNEL = "dossier:country:SA"
pytestmark = pytest.mark.long

PAGE = """<!doctype html><meta charset="utf-8"><title>tab</title><script type="module">
import { DossierRealtimeClient } from "/package/dist/esm/index.js";
import { sharedWebSocket } from "/package/dist/esm/shared/index.js";
window.offsets = [];
window.alone = async ({ tokens, url }) => {
  window.states = [];
  window.logins = 0;
  const token = () => (tokens.length > 1 ? tokens.shift() : tokens[0]);
  const client = (window.client = new DossierRealtimeClient({ token, url }));
  client.onState((state) => window.states.push(state));
  client.on("auth_success", () => window.logins++);
  await client.subscribe("dossier:country:SA", { onMessage: (message) => window.offsets.push(message.offset) }).ready();
};
window.begin = async ({ token, url, worker }) => {
  const client = (window.client = new DossierRealtimeClient({
    token, url, WebSocket: sharedWebSocket(worker ? { worker: "/package/dist/shared-worker.js" } : {}),
  }));
  await client.subscribe("dossier:country:SA", { onMessage: (message) => window.offsets.push(message.offset) }).ready();
  return client.sessionId;
};
window.ready = true;
</script>"""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the packed package, and a page that uses it, from an origin of its own."""
    folder = tmp_path_factory.mktemp("site")
    with tarfile.open(tarball) as packed:
        packed.extractall(folder, filter="data")
    (folder / "tab.html").write_text(PAGE, "utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def service(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service that the page's origin may use."""
    settings = {"server.allowed_origins": ["own", site]}
    with Service(tmp_path_factory.mktemp("tabs") / "data", settings) as running:
        yield running
        running.assert_log_clean()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(HANG_SECONDS * 1000)
    yield context
    context.close()


def _open(context: BrowserContext, site: str, service: Service, user: str, *, worker: bool) -> tuple[Page, str]:
    page = context.new_page()
    page.goto(f"{site}/tab.html")
    page.wait_for_function("window.ready === true")
    given = {"token": service.token(user, f"write:{CHANNEL}"), "url": service.url, "worker": worker}
    return page, str(page.evaluate("given => begin(given)", given))


_EVENT = json.dumps(
    {
        "type": "dossier_update",
        "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]},
    }
)


def _send(page: Page) -> None:
    page.evaluate(f"client.send('{CHANNEL}', {_EVENT})")


def _all_have(pages: list[Page], count: int) -> list[list[int]]:
    for page in pages:
        page.wait_for_function("count => offsets.length >= count", arg=count)
    return [json.loads(page.evaluate("JSON.stringify(offsets)")) for page in pages]


@pytest.mark.parametrize("worker", [True, False], ids=["worker", "leader"])
def test_eleven_tabs_have_one_connection(context: BrowserContext, site: str, service: Service, *, worker: bool) -> None:
    user = f"user-{'worker' if worker else 'leader'}"
    eventually(lambda: service.metrics()["dossier_connections"] == 0)  # those of the test before have ended
    tabs = [_open(context, site, service, user, worker=worker) for _ in range(TABS)]
    pages = [page for page, _ in tabs]
    assert len({session for _, session in tabs}) == 1
    assert service.metrics()["dossier_connections"] == 1
    _send(pages[-1])
    first = _all_have(pages, 1)
    assert all(offsets == first[0] for offsets in first)

    # The tab that came first, and has the connection where one tab has it for all, is closed.
    pages.pop(0).close()
    for page in pages:
        page.wait_for_function("client.state === 'authenticated' && client.recovering.length === 0")
    _send(pages[0])
    last = _all_have(pages, 2)
    assert all(offsets == [first[0][0], first[0][0] + 1] for offsets in last)

    service.restart(hard=True)
    _send(pages[1])
    after = _all_have(pages, 3)
    assert all(offsets == [first[0][0] + n for n in range(3)] for offsets in after)
    assert service.metrics()["dossier_connections"] == 1


def test_users_share_nothing(context: BrowserContext, site: str, service: Service) -> None:
    mine, other = (_open(context, site, service, user, worker=True)[0] for user in ("one", "two"))
    assert mine.evaluate("client.userId") == "one"
    assert other.evaluate("client.userId") == "two"
    assert mine.evaluate("client.sessionId") != other.evaluate("client.sessionId")


def _alone(context: BrowserContext, site: str, service: Service, *tokens: str) -> Page:
    page = context.new_page()
    page.goto(f"{site}/tab.html")
    page.wait_for_function("window.ready === true")
    page.evaluate("given => alone(given)", {"tokens": list(tokens), "url": service.url})
    return page


def test_a_page_without_a_network_comes_back_with_it(context: BrowserContext, site: str, service: Service) -> None:
    page = _alone(context, site, service, service.token("offline", f"write:{CHANNEL}"))
    _send(page)
    (first,) = _all_have([page], 1)
    service.stop()
    page.wait_for_function("client.state === 'reconnecting'")
    page.evaluate(f"void (window.kept = client.send('{CHANNEL}', {_EVENT}))")
    service.start()
    page.evaluate("dispatchEvent(new Event('online'))")
    page.evaluate("kept")
    (offsets,) = _all_have([page], 2)
    assert offsets == [first[0], first[0] + 1]


def test_a_token_is_renewed_without_a_drop(context: BrowserContext, site: str, service: Service) -> None:
    short, long = (service.token("renewing", f"write:{CHANNEL}", ttl=ttl) for ttl in (40, 3_600))
    page = _alone(context, site, service, short, long)
    page.wait_for_function("logins === 2")
    _send(page)
    _all_have([page], 1)
    assert page.evaluate("states") == ["connected", "authenticated"]
