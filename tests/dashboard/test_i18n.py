"""Both languages say everything, and nothing is said that is not in the table."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

from dashboard.language.i18n import TRANSLATIONS, direction, say, translate_value, translations_for

DASHBOARD = Path(__file__).parents[2] / "dashboard"
ARABIC = re.compile(r"[\u0600-\u06ff]")
_SAME = {"shell.language"}  # names the other language, in that language
_MADE = {"key": ("sent", "received", "refused"), "col": ("time", "kind", "name", "type", "channel", "payload")}


@pytest.mark.parametrize("key", sorted(TRANSLATIONS))
def test_every_key_is_written_in_both_languages(key: str) -> None:
    english, arabic = TRANSLATIONS[key]
    assert english.strip()
    assert arabic.strip()
    if key not in _SAME:
        assert not ARABIC.search(english)
        assert ARABIC.search(arabic) or not re.search(r"\w{3}", english)
    fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, arabic)]
    assert fields[0] == fields[1]


def test_no_sign_at_the_end_of_a_latin_word_comes_to_stand_before_it() -> None:
    turned = re.compile(r"[A-Za-z0-9][:.]*[*`…]+(?![\u200e\u2069`*\w])")
    assert not {key: arabic for key, (_, arabic) in TRANSLATIONS.items() if turned.search(arabic)}


@pytest.mark.parametrize("value", ["dossier:*", "did you mean ali?", "(403)", "نورة"])
def test_a_value_with_a_sign_at_its_edge_is_isolated_in_arabic(value: str) -> None:
    assert f"\u2068{value}\u2069" in say("ar", "recordings.failed", why=value)


def test_an_id_needs_no_isolation() -> None:
    assert say("ar", "recordings.failed", why="dossier:country:SA").endswith(" dossier:country:SA")


def test_every_key_that_python_names_is_there() -> None:
    named = set()
    for file in DASHBOARD.rglob("*.py"):
        named |= set(
            re.findall(r'\bsay\((?:\w+\.?\w*, )?"([a-z_]+(?:\.[a-z0-9_]+)?)"', file.read_text(encoding="utf-8"))
        )
    assert len(named) > 40
    assert named <= TRANSLATIONS.keys()


def test_every_word_that_the_browser_names_is_there() -> None:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in (DASHBOARD / "assets" / "js").glob("*.js")}
    named = {name: set(re.findall(r"\bwords\.([a-z_]+)", script)) for name, script in scripts.items()}
    everywhere = named["page_component.js"] | named["drawing.js"] | named["strip.js"]
    assert everywhere <= translations_for("en", "js.").keys()
    assert translations_for("ar", "js.").keys() <= everywhere | {"resume"}
    player = named["player.js"] | named["timeline_marks.js"]
    made = {f"{prefix}_{name}" for prefix, names in _MADE.items() for name in names}
    assert player | made <= translations_for("en", "player.").keys() | translations_for("en", "js.").keys()
    assert translations_for("ar", "player.").keys() <= player | made | {"noscript"}


def test_a_new_value_of_a_list_is_shown_as_it_is() -> None:
    assert translate_value("ar", "status", "online") == "متصل"
    assert translate_value("ar", "status", "dreaming") == "dreaming"


def test_an_unknown_key_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        say("en", "nowhere")


def test_arabic_runs_from_right_to_left() -> None:
    assert (direction("en"), direction("ar")) == ("ltr", "rtl")
