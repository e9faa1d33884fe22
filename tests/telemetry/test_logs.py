"""Log lines: nothing that others wrote makes a line of its own or acts on a terminal, and no token is in them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry import logs
from tests.harness import tokens

NASTY = "\n\r\x1b\x9b\x00\x7f\x85\u2028\u2029\u202e\u2066\u2069\u200f\ufeff\ud800 \\\"'={}%[]"
anything = st.text(alphabet=st.one_of(st.characters(), st.sampled_from(NASTY)), max_size=60)
ACTING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
Form = Literal["console", "json"]


class Terminal(io.StringIO):
    """A stream that is looked at and emptied."""

    def take(self) -> str:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture(scope="module", params=["console", "json"])
def form(request: pytest.FixtureRequest) -> Form:
    chosen: Form = request.param
    return chosen


@pytest.fixture(scope="module")
def terminal(form: Form) -> Iterator[Terminal]:
    """Return the lines that the logs write, in one of their forms; afterwards everything is as it was."""
    root, stream = logging.getLogger(), Terminal()
    before = (root.handlers[:], root.level)
    logs.configure("info", form, stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


def _check(text: str, form: Form, lines: int | None = 1) -> None:
    assert text.endswith("\n")
    assert ACTING.search(text) is None, ascii(text)
    if form == "json":
        assert text.count("\n") == 1
        assert ACTING.search("".join(_strings(json.loads(text)))) is None
    elif lines is None:
        assert all(line.startswith("  | ") for line in text.splitlines()[1:]), text
    else:
        assert text.count("\n") == lines, ascii(text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, str):
        yield value.replace("\n", "") if value.startswith("  | ") else value


class Odd:
    """An object whose `repr` is whatever somebody sent."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@given(event=anything, value=anything)
def test_whatever_is_logged_is_one_line_that_does_nothing(
    terminal: Terminal, form: Form, event: str, value: str
) -> None:
    log = structlog.stdlib.get_logger("test")
    log.info(event, path=value, nested={value: [value, (value, Odd(value))]}, odd=Odd(value))
    _check(terminal.take(), form)


@given(message=anything, name=anything)
def test_what_a_library_logs_is_one_line_too(terminal: Terminal, form: Form, message: str, name: str) -> None:
    logging.getLogger("tornado.access").warning("%s %r", message, name, extra={"remote": message})
    _check(terminal.take(), form)


def _fail(wrong: Exception) -> None:
    raise wrong


@given(message=anything)
def test_the_message_of_an_exception_cannot_pass_for_a_line_of_the_log(
    terminal: Terminal, form: Form, message: str
) -> None:
    try:
        try:
            _fail(KeyError(message))
        except KeyError as wrong:
            raise ValueError(message) from wrong
    except ValueError:
        structlog.stdlib.get_logger("test").exception("request failed", path=message)
        _check(terminal.take(), form, None)
        logging.getLogger("asyncio").exception(message)
        _check(terminal.take(), form, None)


TOKEN = tokens.token("u-1")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (TOKEN, TOKEN),
        (f"GET /v1?token={TOKEN}&x=1", TOKEN),
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("Authorization: bearer jH5-only-prometheus", "jH5-only-prometheus"),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("/login?access_token=s3cr3t&x=1", "s3cr3t"),
        ("/login/oidc/callback?code=abc123&state=1", "abc123"),
        ("grant_type=x&client_secret=hunter2&y", "hunter2"),
        ("next=%2Fv1%3Ftoken%3Dhunter2&y", "hunter2"),
        ("password=hunter2", "hunter2"),
    ],
)
def test_what_looks_like_a_token_is_not_written(terminal: Terminal, text: str, hidden: str) -> None:
    structlog.stdlib.get_logger("test").info(text, path=text, headers={"Authorization": text}, seen=[text])
    logging.getLogger("tornado.general").warning("Malformed request: %s", text)
    written = terminal.take()
    assert hidden not in written
    assert written.count("[token]") >= 4


def test_ordinary_lines_are_as_they_were(terminal: Terminal, form: Form) -> None:
    structlog.stdlib.get_logger("test").info("request", path="/v1/channels/dossier:country:SA", status=200, ms=1.5)
    written = terminal.take()
    if form == "json":
        line = json.loads(written)
        assert (line["event"], line["path"], line["status"], line["ms"], line["level"], line["logger"]) == (
            *("request", "/v1/channels/dossier:country:SA", 200, 1.5),
            *("info", "test"),
        )
    else:
        assert "request" in written
        assert "path=/v1/channels/dossier:country:SA" in written
        assert "status=200" in written
