"""Both languages say everything, and nothing is said that is not in the table."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from dashboard.i18n import WORDS, direction, say, say_or, words_for

DASHBOARD = Path(__file__).parents[2] / "dashboard"
ARABIC = re.compile(r"[\u0600-\u06ff]")
_SAME = {"shell.language"}  # names the other language, in that language


@pytest.mark.parametrize("key", sorted(WORDS))
def test_every_key_is_written_in_both_languages(key: str) -> None:
    english, arabic = WORDS[key]
    assert english.strip()
    assert arabic.strip()
    if key not in _SAME:
        assert not ARABIC.search(english)
        assert ARABIC.search(arabic) or not re.search(r"\w{3}", english)
    fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, arabic)]
    assert fields[0] == fields[1]


def test_every_key_that_python_names_is_there() -> None:
    named = set()
    for file in DASHBOARD.rglob("*.py"):
        named |= set(
            re.findall(r'\bsay\((?:\w+\.?\w*, )?"([a-z_]+(?:\.[a-z0-9_]+)?)"', file.read_text(encoding="utf-8"))
        )
    assert len(named) > 40
    assert named <= WORDS.keys()


def test_every_word_that_the_browser_names_is_there() -> None:
    script = (DASHBOARD / "assets" / "console.js").read_text(encoding="utf-8")
    named = set(re.findall(r"\bwords\.([a-z_]+)", script))
    assert named <= words_for("en", "js.").keys()
    assert words_for("ar", "js.").keys() <= named | {"resume"}


def test_a_new_value_of_a_list_is_shown_as_it_is() -> None:
    assert say_or("ar", "status", "online") == "متصل"
    assert say_or("ar", "status", "dreaming") == "dreaming"


def test_an_unknown_key_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        say("en", "nowhere")


def test_arabic_runs_from_right_to_left() -> None:
    assert (direction("en"), direction("ar")) == ("ltr", "rtl")
