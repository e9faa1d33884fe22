"""Pictures say what they were given, and nothing that they were given becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pandas as pd

from dashboard.playback import svg_charts as pictures
from dashboard.playback.svg_charts import Mark
from dashboard.screen.assets import read
from dossier_realtime.recording.replay.documents import Piece

HOSTILE = "<script>alert('&')</script>\"'"


def drawn(picture: pictures.Picture) -> ET.Element:
    return ET.fromstring(picture.markup)  # noqa: S314  our own: that it is XML at all is part of the test


def boxes(picture: pictures.Picture, tip: str) -> list[dict[str, float]]:
    """The rectangles with this tooltip."""
    found = [box for box in drawn(picture).iter() if box.tag.endswith("rect") and "".join(box.itertext()) == tip]
    return [{name: float(box.attrib[name]) for name in ("x", "y", "width", "height")} for box in found]


def test_authors_have_the_colours_that_the_player_gives_them() -> None:
    colours = re.findall(r"^\.a(\d) \{ text-decoration-color: (#\w+)", read(["player.css"]), re.MULTILINE)
    assert tuple(colour for _, colour in sorted(colours)) == pictures.AUTHORS


def test_marks_stand_in_their_half_in_the_order_of_time() -> None:
    marks = [Mark(1.0, "upper", "a"), Mark(5.0, "lower", "b"), Mark(9.0, "whole", "c")]
    picture = pictures.lanes({"نورة": marks, "Omar": []}, 0.0, 10.0, title="t", spans={"Omar": [(2.0, 3.0)]})
    (one,), (two,), (three,) = (boxes(picture, tip) for tip in "abc")
    assert one["x"] < two["x"] < three["x"]
    assert one["y"] < two["y"]
    assert three["height"] > 1.5 * one["height"]
    assert "\u2068نورة\u2069" in picture.markup


def test_steps_are_as_tall_as_their_level_and_as_long_as_it_held() -> None:
    picture = pictures.steps({"mou": [(0.0, 1), (2.0, 2), (6.0, 3)]}, 0.0, 10.0, title="t", language="ar")
    tips = ["المستوى 1 · تنبيه أول", "المستوى 2 · تنبيه ثانٍ", "المستوى 3 · مُصعَّد"]
    one, two, three = (boxes(picture, tip)[0] for tip in tips)
    assert one["height"] < two["height"] < three["height"]
    assert round(two["width"] / one["width"], 2) == 2
    assert one["x"] + one["width"] == two["x"]


def test_a_heat_map_is_darker_where_there_is_more() -> None:
    table = pd.DataFrame({"SA": [0, 9], "AE": [3, 0]}, index=["نورة", "Omar"])
    fills = {
        "".join(box.itertext()).translate({0x2068: None, 0x2069: None}): box.attrib["fill"]
        for box in drawn(pictures.heat(table, title="t", unit="min")).iter()
        if box.tag.endswith("rect")
    }
    steps = [fills["نورة · SA: 0 min"], fills["نورة · AE: 3 min"], fills["Omar · SA: 9 min"]]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 3
    assert fills["Omar · AE: 0 min"] == steps[0]


def test_a_text_is_whole_and_by_its_authors() -> None:
    pieces = [Piece("u-1", "مرحبا 😀\n"), Piece("u-2", HOSTILE), Piece("", "old")]
    page = drawn(pictures.Picture(pictures.paper(pieces, {"u-1": "نورة", "u-2": HOSTILE}).markup.replace("&nbsp;", "")))
    assert "".join(page.itertext()).endswith("مرحبا 😀\n" + HOSTILE + "old")
    by = {"".join(span.itertext()): span.attrib["title"] for span in page.iter("span")}
    assert by["مرحبا 😀\n"] == "نورة"
    assert by["old"] == "from before this recording"


def test_nothing_becomes_markup() -> None:
    made = [
        pictures.lanes({HOSTILE: [Mark(1.0, "upper", HOSTILE)]}, 0.0, 2.0, title=HOSTILE, key={"upper": HOSTILE}),
        pictures.steps({HOSTILE: [(0.0, 1)]}, 0.0, 1.0, title=HOSTILE),
        pictures.heat(pd.DataFrame({HOSTILE: [1]}, index=[HOSTILE]), title=HOSTILE, unit=HOSTILE),
        pictures.paper([Piece("u-1", HOSTILE)], {"u-1": HOSTILE}),
    ]
    for picture in made:
        assert "<script" not in picture.markup
        assert "alert(" in picture.markup


def test_nothing_to_draw_is_no_error() -> None:
    for picture in (
        pictures.lanes({}, 0.0, 0.0, title="t"),
        pictures.steps({}, 0.0, 0.0, title="t"),
        pictures.heat(pd.DataFrame(), title="t", unit="s"),
    ):
        assert drawn(picture).attrib["aria-label"].startswith("t")
