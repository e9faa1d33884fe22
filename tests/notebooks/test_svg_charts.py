"""Pictures say what they were given, and nothing that they were given becomes markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pandas as pd

from dashboard.playback import svg_charts
from dashboard.playback.svg_charts import Mark
from dashboard.screen.assets import read
from dossier_realtime.recording.relationships.history import ScorePoint
from dossier_realtime.recording.replay.documents import Piece

HOSTILE = "<script>alert('&')</script>\"'"


def drawn(picture: svg_charts.SvgChart) -> ET.Element:
    return ET.fromstring(picture.markup)  # noqa: S314  our own: that it is XML at all is part of the test


def boxes(picture: svg_charts.SvgChart, tip: str) -> list[dict[str, float]]:
    """The rectangles with this tooltip."""
    found = [box for box in drawn(picture).iter() if box.tag.endswith("rect") and "".join(box.itertext()) == tip]
    return [{name: float(box.attrib[name]) for name in ("x", "y", "width", "height")} for box in found]


def test_authors_have_the_colours_that_the_player_gives_them() -> None:
    colours = re.findall(r"^\.a(\d) \{ text-decoration-color: (#\w+)", read(["css/player.css"]), re.MULTILINE)
    assert tuple(colour for _, colour in sorted(colours)) == svg_charts.AUTHORS


def test_marks_stand_in_their_half_in_the_order_of_time() -> None:
    marks = [Mark(1.0, "upper", "a"), Mark(5.0, "lower", "b"), Mark(9.0, "whole", "c")]
    picture = svg_charts.lanes({"نورة": marks, "Omar": []}, 0.0, 10.0, title="t", spans={"Omar": [(2.0, 3.0)]})
    (one,), (two,), (three,) = (boxes(picture, tip) for tip in "abc")
    assert one["x"] < two["x"] < three["x"]
    assert one["y"] < two["y"]
    assert three["height"] > 1.5 * one["height"]
    assert "\u2068نورة\u2069" in picture.markup


def test_steps_are_as_tall_as_their_level_and_as_long_as_it_held() -> None:
    picture = svg_charts.steps({"mou": [(0.0, 1), (2.0, 2), (6.0, 3)]}, 0.0, 10.0, title="t", language="ar")
    tips = ["المستوى 1 · تنبيه أول", "المستوى 2 · تنبيه ثانٍ", "المستوى 3 · مُصعَّد"]
    one, two, three = (boxes(picture, tip)[0] for tip in tips)
    assert one["height"] < two["height"] < three["height"]
    assert round(two["width"] / one["width"], 2) == 2
    assert one["x"] + one["width"] == two["x"]


def test_a_curve_is_as_tall_as_the_score_and_names_what_moved_it() -> None:
    points = [
        ScorePoint(0.0, 80, "healthy", 80, "engagement", "visit-1", "omar"),
        ScorePoint(5.0, 40, "at_risk", -40, "no_interaction_90_days", "", ""),
    ]
    picture = svg_charts.curve(points, 0.0, 10.0, title="t")
    (one,) = boxes(picture, "engagement (visit-1): +80 → 80")
    (two,) = boxes(picture, "no_interaction_90_days: -40 → 40")
    assert round(one["height"] / two["height"], 2) == 2
    assert one["x"] + one["width"] == two["x"]
    assert one["y"] + one["height"] == two["y"] + two["height"]


def test_a_heat_map_is_darker_where_there_is_more() -> None:
    table = pd.DataFrame({"SA": [0, 9], "AE": [3, 0]}, index=["نورة", "Omar"])
    fills = {
        "".join(box.itertext()).translate({0x2068: None, 0x2069: None}): box.attrib["fill"]
        for box in drawn(svg_charts.heat(table, title="t", unit="min")).iter()
        if box.tag.endswith("rect")
    }
    steps = [fills["نورة · SA: 0 min"], fills["نورة · AE: 3 min"], fills["Omar · SA: 9 min"]]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) == 3
    assert fills["Omar · AE: 0 min"] == steps[0]


def test_a_text_is_whole_and_by_its_authors() -> None:
    pieces = [Piece("u-1", "مرحبا 😀\n"), Piece("u-2", HOSTILE), Piece("", "old")]
    page = drawn(
        svg_charts.SvgChart(svg_charts.paper(pieces, {"u-1": "نورة", "u-2": HOSTILE}).markup.replace("&nbsp;", ""))
    )
    assert "".join(page.itertext()).endswith("مرحبا 😀\n" + HOSTILE + "old")
    by = {"".join(span.itertext()): span.attrib["title"] for span in page.iter("span")}
    assert by["مرحبا 😀\n"] == "نورة"
    assert by["old"] == "from before this recording"


def test_nothing_becomes_markup() -> None:
    made = [
        svg_charts.lanes({HOSTILE: [Mark(1.0, "upper", HOSTILE)]}, 0.0, 2.0, title=HOSTILE, key={"upper": HOSTILE}),
        svg_charts.curve([ScorePoint(0.0, 1, "critical", 1, HOSTILE, HOSTILE, "")], 0.0, 1.0, title=HOSTILE),
        svg_charts.steps({HOSTILE: [(0.0, 1)]}, 0.0, 1.0, title=HOSTILE),
        svg_charts.heat(pd.DataFrame({HOSTILE: [1]}, index=[HOSTILE]), title=HOSTILE, unit=HOSTILE),
        svg_charts.paper([Piece("u-1", HOSTILE)], {"u-1": HOSTILE}),
    ]
    for picture in made:
        assert "<script" not in picture.markup
        assert "alert(" in picture.markup


def test_nothing_to_draw_is_no_error() -> None:
    for picture in (
        svg_charts.lanes({}, 0.0, 0.0, title="t"),
        svg_charts.steps({}, 0.0, 0.0, title="t"),
        svg_charts.heat(pd.DataFrame(), title="t", unit="s"),
    ):
        assert drawn(picture).attrib["aria-label"].startswith("t")
