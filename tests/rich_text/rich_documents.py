"""Documents with every kind of formatting, and with characters that mean something to the formats of exports."""

from __future__ import annotations

from hypothesis import strategies as st
from msgspec import UNSET

from dossier_realtime.ot.document import Document
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import FormatRun

MARKUP = "\\`*_{}[]<>()#+-.!|~&=:\"'$^0123 \t\n"
LETTERS = "abZ éم ة٣א漢😀\u0301\u200f\u202e\u2066\u2069\u00a0"

LINKS = ('https://example.org/a?b=<1>&c=(2)*_\\"`', "/documents/7")
attributes = st.builds(
    Attributes,
    **{name: st.sampled_from([UNSET, UNSET, True]) for name in ("bold", "italic", "underline", "strike")},
    heading=st.sampled_from([UNSET, UNSET, UNSET, 1, 2, 3]),
    list=st.sampled_from([UNSET, UNSET, "bullet", "ordered"]),
    link=st.sampled_from([UNSET, UNSET, *LINKS]),
    highlight=st.sampled_from([UNSET, UNSET, "yellow", "pink"]),
)
_chunks = st.tuples(st.text(MARKUP + LETTERS, min_size=1, max_size=7) | st.just("\r\n"), attributes)


def rich(chunks: list[tuple[str, Attributes]]) -> Document:
    """Return the document of these texts, each with its attributes."""
    runs: list[FormatRun] = []
    at = 0
    for text, has in chunks:
        length = len(to_units(text))
        if has != Attributes():
            runs.append(FormatRun(at, length, has))
        at += length
    return Document.of("".join(text for text, _ in chunks), runs)


documents = st.lists(_chunks, max_size=8).map(rich)


def one_line_end(document: Document) -> str:
    """Return the text with a line feed for each line end, as files have it."""
    return document.content.replace("\r\n", "\n")
