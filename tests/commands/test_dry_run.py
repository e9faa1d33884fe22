"""The command `commitments dry-run`: what it prints is what the service plans, from the journal alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.commands import cli
from app.commands.file_errors import BAD_START
from tests.web.commitment_office import office

SPAN = ("--from", "2027-01-01", "--to", "2027-12-31")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose journal tells of two open commitments, a completed one and a classified one."""
    data = tmp_path_factory.mktemp("dry-run") / "data"

    async def scene() -> None:
        async with office(data) as place:
            for name in ("c1", "c2", "done"):
                assert (await place.put(name)).status_code == 200
            await place.call("POST", "commitments/done/complete")
            await place.put("zzsecret", classification="secret", title="zzsecret")

    asyncio.run(scene())
    return data


def _said(folder: Path, *arguments: str) -> int:
    return cli.main(["commitments", "dry-run", "--data", str(folder), *arguments])


def test_it_prints_each_alert_with_its_time_in_both_calendars(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(folder, *SPAN) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines() == [
        "2027-01-28 08:00  1448-08-20  level 1  c1  m1  62 days left  ali",
        "2027-01-28 08:00  1448-08-20  level 1  c2  m1  62 days left  ali",
        "2027-03-01 08:00  1448-09-22  level 2  c1  m1  30 days left  ali, bea",
        "2027-03-01 08:00  1448-09-22  level 2  c2  m1  30 days left  ali, bea",
        "2027-03-24 00:00  1448-10-16  level 3  c1  m1  7 days left  ali, bea, cy",
        "2027-03-24 00:00  1448-10-16  level 3  c2  m1  7 days left  ali, bea, cy",
        "6 alerts  Asia/Riyadh",
    ]
    assert "zzsecret" not in printed


@pytest.mark.parametrize("text", [json.dumps({"data-exchange": [16, 10, 5]}), "data-exchange:16/10/5\n"])
def test_a_file_has_other_days_before_the_deadline(
    text: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "days").write_text(text)
    assert _said(folder, *SPAN, "--policy", str(tmp_path / "days")) == 0
    assert [line.split("  ")[5] for line in capsys.readouterr().out.splitlines()[:-1:2]] == [
        "16 days left",
        "10 days left",
        "5 days left",
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--from", "soon", "--to", "2027-12-31"), "--from"),
        (("--from", "2027-01-01", "--to", "later"), "--to"),
        (("--from", "2027-02-01", "--to", "2027-01-01"), "--to is before --from"),
        ((*SPAN, "--policy", "absent.json"), "absent.json"),
        ((*SPAN, "--policy", "wrong.json"), "wrong.json"),
        ((*SPAN, "--policy", "bytes.json"), "bytes.json"),
        ((*SPAN, "--policy", "long.json"), "long.json"),
    ],
)
def test_what_cannot_be_used_is_named(
    arguments: tuple[str, ...],
    named: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.json").write_text('{"data-exchange": [1, 2, 3]}')
    Path("bytes.json").write_bytes(b"\xff\xfe")
    Path("long.json").write_text(" " * 70_000)
    assert _said(folder, *arguments) == BAD_START
    assert named in capsys.readouterr().err
