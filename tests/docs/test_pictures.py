"""The pictures of the documentation say what is so: they are made from their sources, and name what the tree holds."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from tests.architecture.tree import is_within, read_tree
from tests.harness.service import ROOT
from tools import diagrams
from tools.diagrams import CallSequence, Lifeline, Parts

SOURCES = sorted(diagrams.SOURCES.glob("*.yaml"))
SEQUENCES = [source for source in SOURCES if isinstance(diagrams.read(source), CallSequence)]
SVG = "{http://www.w3.org/2000/svg}"


def sequence(source: Path) -> CallSequence:
    found = diagrams.read(source)
    assert isinstance(found, CallSequence)
    return found


def code(participant: Lifeline) -> str:
    return (ROOT / participant.path).read_text("utf-8") if participant.path else ""


def test_no_picture_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert diagrams.main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("source", SEQUENCES, ids=lambda source: source.stem)
def test_every_participant_is_defined_in_its_file(source: Path) -> None:
    for each in sequence(source).participants:
        if each.path:
            assert re.search(rf"^(?:class|def|async def) {each.name}\b", code(each), re.MULTILINE), each


@pytest.mark.parametrize("source", SEQUENCES, ids=lambda source: source.stem)
def test_every_function_of_a_step_is_defined_where_the_step_leads(source: Path) -> None:
    found = sequence(source)
    participants = {each.id: each for each in found.participants}
    for step in found.steps:
        where = code(participants[step.source]) + code(participants[step.target])
        for name in diagrams.FUNCTION.findall(step.text):
            assert re.search(rf"\bdef {name}\(", where), f"{step.text!r} names {name}"


def test_every_part_is_in_the_tree_and_imports_only_its_row_and_those_below() -> None:
    parts = diagrams.read(diagrams.SOURCES / "parts.yaml")
    assert isinstance(parts, Parts)
    rows = {box.path: number for number, row in enumerate(parts.rows) for box in row.boxes if box.path}
    assert [path for path in rows if not (ROOT / path).exists()] == []
    places = {path.removesuffix(".py").replace("/", "."): row for path, row in rows.items()}
    tree = read_tree(ROOT)

    def row_of(module: str) -> int | None:
        return next((row for place, row in places.items() if is_within(module, place)), None)

    upwards = []
    for module in tree.values():
        own = row_of(module.name)
        for imported in module.imports & tree.keys() if own is not None else ():
            other = row_of(imported)
            if own is not None and other is not None and other < own:
                upwards.append(f"{module.name} imports {imported}")
    assert upwards == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_has_everything_it_shows_as_text(source: Path) -> None:
    picture = ET.fromstring((diagrams.IMAGES / f"{source.stem}.svg").read_text("utf-8"))  # noqa: S314  our own file
    title, alternative = picture.find(f"{SVG}title"), picture.find(f"{SVG}desc")
    assert picture.get("role") == "img"
    assert title is not None
    assert alternative is not None
    assert title.text == diagrams.read(source).title
    said = " ".join((alternative.text or "").split())
    names = [e.text or "" for e in picture.iter(f"{SVG}text") if e.get("class") == "name"]
    assert [name for name in names if name.split()[0] not in said] == []


def test_every_picture_of_a_page_has_a_text_alternative_and_a_file() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for text, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8")):
            assert text.strip(), f"{page.name}: {target} has no text"
            assert (page.parent / target).exists(), f"{page.name}: {target} is not there"


@pytest.mark.parametrize(
    "wrong", ["kind: parts\n", "kind: sequence\ntitle: t\nsummary: s\nparticipants: []\n", "a: 1\n"]
)
def test_a_source_that_lacks_something_is_refused(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "wrong.yaml").write_text(wrong, "utf-8")
    with pytest.raises(msgspec.ValidationError):
        diagrams.read(tmp_path / "wrong.yaml")
