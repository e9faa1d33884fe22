"""Escaping of untrusted text for a sentence, a log line, a page or a terminal.

Four functions, by the destination: `visible` escapes every control character (log lines, terminals), `inert` does so
for pages and pictures, where lines may break, `one_line` removes them (names, reasons), and `isolated` keeps the
direction of a name to itself within a sentence (UAX #9, FSI). `without_tokens` is for stored text (logs, journal).
"""

from __future__ import annotations

import re

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BREAKS = "\x00-\x1f\x7f-\x9f\u2028\u2029"
_ACTING = re.compile(f"[{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]")
_DIRECTING = re.compile(f"[{_BIDI}\ufeff\ufff9-\ufffb]")
_BREAKING = re.compile(f"[{_BREAKS}\ud800-\udfff]")
_ISOLATE, _POP = "\u2068", "\u2069"
# On pages a whole isolate stays, since it has no effect outside; so do line breaks and tabs, which are blanks.
_ACTING_ON_PAGES = re.compile(
    f"{_ISOLATE}[^{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]*{_POP}"
    f"|(?![\t\n\r])[{_BREAKS}{_BIDI}\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# Each alternative begins where no other match could have begun, and never backtracks: linear in untrusted text.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"
    r"|(?P<kept>bearer\s++|basic\s++|(?:token|secret|password|assertion|(?<![a-z0-9_-])code)(?:=|%3d))[^&\s\"',;]++",
    re.IGNORECASE,
)


def without_tokens(text: str) -> str:
    """Return the text with [token] in place of anything that looks like a token, a secret or a password."""
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
    """Return the text for use within a sentence, isolated: its direction does not affect the words around it."""
    return f"{_ISOLATE}{_DIRECTING.sub('', text)}{_POP}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
