"""A tab that is asleep longer than the service waits for it comes back without a gap, and without losing a word.

In full size it sleeps two minutes under the default times; otherwise the service waits 5 s in place of 75. How long it
sleeps is counted in heartbeats of another page.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.dashboard.chromium import CHROMIUM, FLAGS, chromium
from tests.harness.measurements import FULL, Report
from tests.harness.service import Service
from tests.typescript.test_shared_documents import opened, origin, wait_agreed

__all__ = ["origin"]
Sleep = Callable[[Browser], AbstractContextManager[None]]
pytestmark = pytest.mark.long

QUICK: dict[str, Any] = {"session.heartbeat_interval": 1, "session.ping_interval": 2, "session.liveness_timeout": 5}
BEATS = 5 if FULL else 7  # of 30 s, or of 1 s: two minutes, or more than the service waits
NOT_ALI = "(user) => user.user_id !== 'ali'"
CHANNEL = "dossier:country:SA"
FOLLOW = f"""() => {{
  window.offsets = [];
  window.wrong = [];
  window.beats = 0;
  page.client.on("pong", () => beats++);
  const heard = {{ onMessage: (event) => offsets.push(event.offset), onError: (error) => wrong.push(error.name) }};
  return page.client.subscribe("{CHANNEL}", heard).ready();
}}"""
PUBLISH = f"""() => page.client.send("{CHANNEL}", {{
  type: "dossier_update",
  payload: {{ entity_type: "country", entity_id: "SA", operation: "update", fields_changed: ["name"] }},
}})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def sleeper(browser: Browser) -> Iterator[Browser]:
    """A browser of its own, whose renderers may be stopped."""
    started = browser.browser_type.launch(executable_path=CHROMIUM, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def service(tmp_path: Path, origin: str) -> Iterator[Service]:
    settings = {"server.allowed_origins": [origin], "limits.edit": 6_000, **({} if FULL else QUICK)}
    with Service(tmp_path / "data", settings) as started:
        yield started
        started.assert_log_clean()


@contextmanager
def _stopped(browser: Browser, *, whole: bool) -> Iterator[None]:
    said = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    processes = [int(process["id"]) for process in said["processInfo"] if whole or process["type"] == "renderer"]
    assert processes
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def frozen(browser: Browser) -> AbstractContextManager[None]:
    """Stop the page's process alone: the browser keeps its socket, takes what comes, and answers the service's pings.

    The protocol of the browser's tools has no way to freeze a page of a browser without a window: it stays visible.
    """
    return _stopped(browser, whole=False)


def suspended(browser: Browser) -> AbstractContextManager[None]:
    """Stop all processes of the browser, as a machine that is asleep does: nothing answers the service."""
    return _stopped(browser, whole=True)


@pytest.mark.parametrize("asleep", [frozen, suspended])
def test_a_tab_that_slept_two_minutes_misses_nothing(
    browser: Browser, sleeper: Browser, service: Service, origin: str, report: Report, asleep: Sleep
) -> None:
    reader = opened(sleeper, service, origin, "ali", "textarea")
    writer = opened(browser, service, origin, "sara", "textarea")
    for page in (reader, writer):
        page.evaluate(FOLLOW)
    writer.evaluate(PUBLISH)
    reader.wait_for_function("offsets.length === 1")
    first = reader.evaluate("offsets[0]")
    reader.evaluate("page.focus(0)")
    reader.keyboard.type("before ")
    writer.wait_for_function("page.shown() === 'before '")
    writer.evaluate("page.focus(7)")
    reader.keyboard.type("at-once ")  # a part of it may be on its way

    began = time.monotonic()
    with asleep(sleeper):
        for _ in range(5):
            writer.evaluate(PUBLISH)
        writer.keyboard.type("meanwhile ")
        writer.wait_for_function("count => beats >= count", arg=writer.evaluate("beats") + BEATS)
        if asleep is suspended:  # the service has given its connection up
            writer.wait_for_function(f"page.client.presence('document:paper').users.every({NOT_ALI})")
        writer.evaluate(PUBLISH)
        writer.keyboard.type("later ")
        writer.evaluate("page.document.flush(60)")
        slept = time.monotonic() - began

    reader.wait_for_function("offsets.length >= 7 && page.client.recovering.length === 0")
    assert reader.evaluate("offsets") == list(range(first, first + 7))
    text = wait_agreed(reader, writer)
    assert sorted(text.split()) == ["at-once", "before", "later", "meanwhile"]
    reader.keyboard.type("after ")
    writer.wait_for_function("page.shown().includes('after ')")
    for page in (reader, writer):
        assert page.evaluate("[wrong, page.errors]") == [[], []]
    report(f"{asleep.__name__} for {slept:.0f} s: 6 events and 2 words came after, none was lost")
