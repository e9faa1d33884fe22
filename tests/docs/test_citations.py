"""Citations of the protocol's rules: each leads to a heading of docs/protocol.md."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from tests.harness.service import ROOT

PAGE = ROOT / "docs" / "protocol.md"
CITED = re.compile(r"\bprotocol\.md#([\w-]*)")
ELSEWHERE = re.compile(r"\b(?:decisions|contract),?\s+(?:sections?\s+)?\d+\b", re.IGNORECASE)
"""A citation of a page that the repository does not hold."""


@cache
def anchors() -> list[str]:
    """Return the anchors of the page: its headings in lower case, without punctuation, with hyphens for blanks."""
    headings = re.findall(r"^#{2,3} (.+)$", PAGE.read_text(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]


def lines() -> Iterator[tuple[str, str]]:
    """Give every line of the project's text files, with the place of it."""
    listed = ["git", "ls-files", "*.py", "*.md", "*.toml", "*.js", "*.css", "*.html", "Makefile"]
    for name in subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split():
        if (ROOT / name).is_file() and name != "tests/docs/test_citations.py":
            for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
                yield f"{name}:{number}", line


def broken(line: str) -> list[str]:
    """Return what is wrong with the citations of a line."""
    unknown = [f"no rule is called {name}" for name in CITED.findall(line) if name not in anchors()]
    return unknown + [f"{found} is a page that is not here" for found in ELSEWHERE.findall(line)]


def test_every_citation_leads_to_a_rule() -> None:
    wrong = [f"{place}: {fault}" for place, line in lines() for fault in broken(line)]
    assert not wrong, "cite a heading of docs/protocol.md:\n" + "\n".join(wrong)


def test_the_rules_are_cited() -> None:
    cited = {name for _, line in lines() for name in CITED.findall(line)}
    assert len(cited) > 30


def test_an_anchor_names_one_rule() -> None:
    assert [anchor for anchor, count in Counter(anchors()).items() if count > 1] == []


@pytest.mark.parametrize(
    "line",
    [
        "(docs/protocol.md#no-such-rule)",
        "docs/protocol.md#",
        "(decisions, section 4)",  # as the code did
        "(contract, sections 4 to 6)",
        "(decisions, 10)",
        "contract section 10",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(line: str) -> None:
    assert broken(line)


@pytest.mark.parametrize(
    "line", ["docs/protocol.md#token-claims; RFC 8725", "the decisions of 2025", "decisions/0006-x.md"]
)
def test_other_text_is_no_citation(line: str) -> None:
    assert not broken(line)
