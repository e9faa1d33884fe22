"""Text from outside on its way into a sentence, a log line or a terminal: nothing in it may act there.

Four ways, by where the text goes: `visible` writes what would act as an escape (log lines, terminals), `inert` does so
for pages and pictures, where lines may break, `one_line` takes it out (names, reasons), and `isolated` keeps the
direction of a name to itself within a sentence (UAX #9, FSI).
`without_tokens` is for whatever is kept: logs and the journal.
"""

from __future__ import annotations

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BREAKS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_ACTING = re.compile(f"[{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]")
_DIRECTING = re.compile(f"[{_BIDI}\ufeff\ufff9-\ufffb]")
_BREAKING = re.compile(f"[{_BREAKS}\ud800-\udfff]")
_ISOLATE, _POP = "\u2068", "\u2069"
# What pages show: a whole isolate stays, for it acts on nothing outside; so do line breaks and tabs, which are blanks.
_ACTING_ON_PAGES = re.compile(
    f"{_ISOLATE}[^{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]*{_POP}"
    f"|(?![\t\n\r])[{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# Each alternative begins where no other match could have begun, and gives nothing back: linear in a stranger's text.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"
    r"|(?P<kept>bearer\s++|basic\s++|(?:token|secret|password|assertion|(?<![a-z0-9_-])code)(?:=|%3d))[^&\s\"',;]++",
    re.IGNORECASE,
)


def without_tokens(text: str) -> str:
    """Return the text with [token] in place of whatever looks like a token, a secret or a password."""
    return _TOKEN.sub(lambda found: f"{found['kept'] or ''}[token]", text)


def visible(text: str) -> str:
    r"""Return the text with each control character, break, direction mark and lone surrogate as \x1b or \u202e."""
    return _ACTING.sub(_escape, text)


def inert(text: str) -> str:
    r"""Return the text for a page: as `visible`, but line breaks, tabs and whole isolates (FSI … PDI) stay.

    `dashboard/assets/js/drawing.js` has the same function for what browsers draw; a test holds them together.
    """
    return _ACTING_ON_PAGES.sub(lambda found: found[0] if len(found[0]) > 1 else _escape(found), text)


def one_line(text: str) -> str:
    """Return the text without direction marks, each control character or line break a blank, no blanks at its ends."""
    return _BREAKING.sub(" ", _DIRECTING.sub("", text)).strip()


def isolated(text: str) -> str:
    """Return the text for use within a sentence: its direction is its own, and cannot turn the words around it."""
    return f"{_ISOLATE}{_DIRECTING.sub('', text)}{_POP}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
