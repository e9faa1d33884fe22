"""One document in several windows of a browser: words, cursors, a service that dies, composition of words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.dashboard.chromium import chromium
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.typescript.conftest import tool

pytestmark = pytest.mark.long

PAGE = '<!doctype html><meta charset="utf-8"><title>Paper</title><div id="editor" style="position:relative"></div>'
SCRIPT = '<script src="page.js"></script>'
EDITORS = ("textarea", "codemirror")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of the page, on the loopback."""
    served = tmp_path_factory.mktemp("pages")
    (served / "index.html").write_text(PAGE + SCRIPT)
    tool("esbuild", "test/browser/page.ts", "--bundle", f"--outfile={served / 'page.js'}")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def service(tmp_path: Path, origin: str) -> Iterator[Service]:
    with Service(tmp_path / "data", {"server.allowed_origins": [origin], "limits.edit": 6_000}) as started:
        yield started
        started.assert_log_clean()


def opened(
    browser: Browser,
    service: Service,
    origin: str,
    user: str,
    editor: str,
    locale: str = "en-GB",
    name: str = "",
) -> Page:
    """Return a window of its own that shows the document and has its text."""
    page = browser.new_context(locale=locale).new_page()
    page.set_default_timeout(1000 * HANG_SECONDS)
    token = service.token(user, "write:document:*", "write:dossier:*", name=name or user.capitalize())
    page.goto(f"{origin}/#{urlencode({'token': token, 'url': service.url, 'id': 'paper', 'editor': editor})}")
    page.wait_for_function("page.document.isLoaded && page.document.status === 'live'")
    return page


def wait_agreed(*pages: Page) -> str:
    """Wait until everything is saved and every window shows the same text; return it."""
    for page in pages:
        page.wait_for_function("page.document.synced && page.document.status === 'live'")
    newest = max(page.evaluate("page.document.version") for page in pages)
    for page in pages:
        page.wait_for_function(f"page.document.version === {newest} && page.shown() === page.document.text")
    texts = {str(page.evaluate("page.shown()")) for page in pages}
    assert len(texts) == 1, texts
    return texts.pop()


def wait_cursors(pages: dict[str, Page]) -> None:
    """Wait until every window shows the cursors of all others where their owners have them."""
    for user, page in pages.items():
        for other, its in pages.items():
            if other != user:
                place = its.evaluate("page.document.cursor.position")
                page.wait_for_function(
                    "([user, place]) => [...page.document.cursors.values()].some("
                    "(cursor) => cursor.userId === user && cursor.position === place) && page.carets()[user]",
                    arg=[other, place],
                )


def test_three_windows_keep_every_word_while_the_service_dies(browser: Browser, service: Service, origin: str) -> None:
    pages = {
        "ali": opened(browser, service, origin, "ali", "textarea", "ar-SA"),
        "sara": opened(browser, service, origin, "sara", "textarea"),
        "omar": opened(browser, service, origin, "omar", "codemirror"),
    }
    stems = {"ali": "كلمة", "sara": "word", "omar": "mot"}
    typed: list[str] = []

    def type_round(number: int) -> None:
        for user, page in pages.items():
            word = f"{stems[user]}{number}"
            page.keyboard.type(f"{word} ")
            typed.append(word)

    for page in pages.values():
        page.evaluate("page.focus(0)")
    for number in range(4):
        type_round(number)
    service.kill()
    for number in range(4, 8):
        type_round(number)
    for page in pages.values():
        page.wait_for_function("page.document.status === 'stale'")
    service.start()
    for number in range(8, 12):
        type_round(number)
    text = wait_agreed(*pages.values())
    assert sorted(text.split()) == sorted(typed)
    for user, stem in stems.items():  # in the order in which their author typed them
        assert [word for word in text.split() if word.startswith(stem)] == [
            word for word in typed if word.startswith(stem)
        ], user
    wait_cursors(pages)
    assert [page.evaluate("page.errors") for page in pages.values()] == [[], [], []]
    for page in pages.values():
        page.context.close()


@pytest.mark.parametrize("editor", EDITORS)
def test_an_editor_that_types_draws_the_carets_of_others_anew(
    browser: Browser, service: Service, origin: str, editor: str
) -> None:
    ali, sara = opened(browser, service, origin, "ali", editor), opened(browser, service, origin, "sara", "textarea")
    ali.evaluate("page.focus(0)")
    ali.keyboard.type("one two\r")
    wait_agreed(ali, sara)
    sara.evaluate("page.focus(7)")
    wait_cursors({"ali": ali, "sara": sara})
    before = ali.evaluate("page.carets().sara")
    ali.evaluate("page.focus(0)")
    for letter in "before it: ":  # the keyboard is in both editors: each follows the other's words
        ali.keyboard.type(letter)
        sara.keyboard.type(letter)
    wait_agreed(ali, sara)
    wait_cursors({"ali": ali, "sara": sara})
    ali.wait_for_function("before => page.carets().sara[0] > before[0] + 20", arg=before)
    assert [page.evaluate("page.errors") for page in (ali, sara)] == [[], []]
    for page in (ali, sara):
        page.context.close()


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize(
    ("steps", "word"),
    [(["م", "مر", "مرح", "مرحب"], "مرحبا"), (["´"], "é"), (["に", "にほ", "にほん"], "日本")],
    ids=["arabic", "dead-key", "conversion"],
)
def test_a_word_is_composed_while_others_type(
    browser: Browser, service: Service, origin: str, editor: str, steps: list[str], word: str
) -> None:
    ali = opened(browser, service, origin, "ali", editor)
    sara = opened(browser, service, origin, "sara", "textarea")
    ali.evaluate("page.focus(0)")
    ali.keyboard.type("one  two")
    assert wait_agreed(ali, sara) == "one  two"
    ali.evaluate("page.focus(4)")
    sara.evaluate("page.focus(0)")
    keyboard = ali.context.new_cdp_session(ali)
    for number, step in enumerate(steps):
        place = {"selectionStart": len(step), "selectionEnd": len(step)}
        keyboard.send("Input.imeSetComposition", {"text": step, **place})
        sara.keyboard.type(f"s{number} ")
        sara.wait_for_function("page.document.synced")
        version = sara.evaluate("page.document.version")
        ali.wait_for_function(f"page.document.version >= {version}")
        assert ali.evaluate("page.shown()") == f"one {step} two", "the composition was touched"
    keyboard.send("Input.insertText", {"text": word})
    begun = "".join(f"s{number} " for number in range(len(steps)))
    assert wait_agreed(ali, sara) == f"{begun}one {word} two"
    ali.keyboard.type("!")
    assert wait_agreed(ali, sara) == f"{begun}one {word}! two"
    ali.keyboard.press("Control+z")
    ali.keyboard.press("Control+z")
    text = wait_agreed(ali, sara)
    assert text.startswith(begun), "an undo took the words of another user"
    assert [page.evaluate("page.errors") for page in (ali, sara)] == [[], []]
    for page in (ali, sara):
        page.context.close()


@pytest.mark.parametrize("editor", EDITORS)
def test_cursors_of_others_stand_in_arabic_text_without_cutting_a_word(
    browser: Browser, service: Service, origin: str, editor: str
) -> None:
    ali = opened(browser, service, origin, "ali", editor, "ar-SA")
    sara = opened(browser, service, origin, "sara", "textarea")
    ali.evaluate("page.focus(0)")
    ali.keyboard.type("مرحبا بالعالم")
    wait_agreed(ali, sara)
    lefts = []
    for place in (0, 3, 8):
        sara.evaluate(f"page.focus({place})")
        ali.wait_for_function(
            "(place) => [...page.document.cursors.values()].some((cursor) => cursor.position === place)"
            " && page.carets().sara",
            arg=place,
        )
        lefts.append(ali.evaluate("new Promise((done) => requestAnimationFrame(() => done(page.carets().sara[0])))"))
    assert lefts == sorted(lefts, reverse=True), "a later place of Arabic text is further left"
    assert len(set(lefts)) == len(lefts)
    sara.context.close()
    ali.wait_for_function("page.document.cursors.size === 0 && !page.carets().sara")
    ali.context.close()


HOSTILE_NAME = "<img src=x onerror='window.hacked = 1'>\u202emoc.live\u2066" + "n" * 100


@pytest.mark.parametrize("editor", EDITORS)
def test_a_hostile_name_is_drawn_as_text_in_its_place(
    browser: Browser, service: Service, origin: str, editor: str
) -> None:
    mallory = opened(browser, service, origin, "mallory", "textarea", name=HOSTILE_NAME)
    reader = opened(browser, service, origin, "ali", editor)
    mallory.evaluate("page.focus(0)")
    mallory.keyboard.type("some words ")
    reader.wait_for_selector(".dossier-caret span", state="attached")
    label = reader.evaluate(
        """() => {
          const label = document.querySelector(".dossier-caret span");
          const { unicodeBidi, overflowX } = getComputedStyle(label);
          const told = [...page.document.cursors.values()][0].name;
          const isNarrow = label.getBoundingClientRect().width < innerWidth / 2;
          return { text: label.textContent === told, unicodeBidi, overflowX, isNarrow, told };
        }"""
    )
    assert label.pop("told").startswith("<img src=x")
    assert label == {"text": True, "unicodeBidi": "isolate", "overflowX": "hidden", "isNarrow": True}
    assert reader.evaluate("[document.images.length, window.hacked ?? null]") == [0, None]
    for page in (mallory, reader):
        page.context.close()
