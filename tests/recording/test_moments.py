"""Times and versions in every form, to every function that takes one: one meaning, or an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.journal.exports.selection import Selection
from dashboard.playback.player import Player
from dossier_realtime.archive import open_service
from dossier_realtime.recording import moments
from dossier_realtime.recording.recording import Recording
from tests.recording.recorded_scenario import COUNTRY, RecordedScenario

AT = 1_772_000_000.125  # 2026-02-25T06:13:20.125Z
NAIVE = datetime(2026, 2, 25, 6, 13, 20, 125_000)  # noqa: DTZ001  that is the point
AWARE = NAIVE.replace(tzinfo=UTC)
RIYADH = ZoneInfo("Asia/Riyadh")

TIMES: dict[str, tuple[Any, float]] = {
    "float": (AT, AT),
    "np.float64": (np.float64(AT), AT),
    "np.longdouble": (np.longdouble(AT), AT),
    "array of none": (np.array(AT), AT),
    "number as text": (f"{AT}", AT),
    "ISO text": ("2026-02-25T06:13:20.125Z", AT),
    "ISO text elsewhere": ("2026-02-25 09:13:20.125+03:00", AT),
    "np.str_": (np.str_("2026-02-25T06:13:20.125+00:00"), AT),
    "datetime": (AWARE, AT),
    "datetime elsewhere": (AWARE.astimezone(RIYADH), AT),
    "Timestamp": (pd.Timestamp(AWARE), AT),
    "Timestamp elsewhere": (pd.Timestamp(AWARE).tz_convert("Asia/Riyadh"), AT),
}
NAIVES: dict[str, Any] = {
    "datetime": NAIVE,
    "text": "2026-02-25T06:13:20.125",
    "Timestamp": pd.Timestamp(NAIVE),
    "datetime64": np.datetime64(NAIVE, "ns"),
    "datetime64 of a Series": pd.Series([NAIVE]).to_numpy()[0],
}
INTEGERS: dict[str, Any] = {
    "int": 2,
    "int64": np.int64(2),
    "uint8": np.uint8(2),
    "array of none": np.array(2),
    "of a Series": pd.Series([2])[0],
    "of an Index": pd.Index([2])[0],
}
NO_TIMES: dict[str, Any] = {
    "bool": True,
    "np.bool_": np.bool_(True),
    "None": None,
    "nan": float("nan"),
    "np.nan": np.float64("nan"),
    "inf": float("inf"),
    "nan as text": "nan",
    "inf as text": "inf",
    "NaT": pd.NaT,
    "datetime64 NaT": np.datetime64("NaT"),
    "words": "yesterday",
    "nothing": "",
    "eight digits": "20260225",
    "other digits": "١٢٣",
    "milliseconds": AT * 1000,
    "milliseconds as text": f"{AT * 1000:.0f}",
    "timedelta": timedelta(seconds=1),
    "timedelta64": np.timedelta64(1, "s"),
    "Timedelta": pd.Timedelta(1, "s"),
    "float32": np.float32(AT),
    "complex": 1j,
    "fraction": Fraction(1, 2),
    "bytes": b"2026-02-25",
    "list": [AT],
    "array": np.array([AT]),
    "Series": pd.Series([AT]),
    "year 10000": 253_402_300_800.0,
}
NO_VERSIONS: dict[str, Any] = {
    "bool": True,
    "np.bool_": np.bool_(True),
    "float": 2.0,
    "np.float64": np.float64(2.0),
    "text": "2",
    "None": None,
    "datetime": AWARE,
    "array": np.array([2]),
}

Asks = dict[str, Callable[[Any], object]]


@pytest.mark.parametrize("form", TIMES)
def test_a_time_in_any_form_is_that_time(form: str) -> None:
    given_as, seconds = TIMES[form]
    assert moments.unix(given_as) == seconds
    assert moments.version_or_time(given_as) == (None, seconds) if form != "number as text" else True


@pytest.mark.parametrize("form", NAIVES)
@pytest.mark.parametrize("tz", [UTC, "UTC", "Asia/Riyadh", RIYADH, timezone(timedelta(hours=3))], ids=str)
def test_a_time_without_a_zone_is_in_the_one_that_is_named(form: str, tz: Any) -> None:
    hours = 0 if str(tz) == "UTC" else 3
    assert moments.unix(NAIVES[form], tz) == AT - 3600 * hours
    assert moments.unix(NAIVES[form]) == AT, "UTC where none is named"


def test_a_day_is_its_beginning() -> None:
    assert moments.unix(date(2026, 2, 25)) == moments.unix("2026-02-25") == 1_771_977_600
    assert moments.unix("2026-02-25", "Asia/Riyadh") == 1_771_977_600 - 3 * 3600


@pytest.mark.parametrize(("tz", "wrong"), [("Mars/Base", ValueError), ("../etc/passwd", ValueError), (3, TypeError)])
def test_a_zone_that_is_none_is_said_to_be_so(tz: Any, wrong: type[Exception]) -> None:
    with pytest.raises(wrong, match="zone"):
        moments.unix(NAIVE, tz)


@pytest.mark.parametrize("form", INTEGERS)
def test_an_integer_of_any_type_is_a_version(form: str) -> None:
    assert moments.version(INTEGERS[form]) == 2
    assert moments.version_or_time(INTEGERS[form]) == (2, 0.0)
    assert moments.unix(INTEGERS[form]) == 2.0, "where only a time is asked for, it is Unix seconds"


@pytest.mark.parametrize("form", NO_VERSIONS)
def test_what_is_no_integer_is_no_version(form: str) -> None:
    with pytest.raises(TypeError, match="whole number"):
        moments.version(NO_VERSIONS[form])


def times_asked(recording: Recording) -> Asks:
    """Every function of a recording that takes a time."""
    document = recording.document("strategy")
    return {
        "state_at": recording.state_at,
        "entries since": lambda at: list(recording.entries(since=at)),
        "entries until": lambda at: list(recording.entries(until=at)),
        "events since": lambda at: recording.events(since=at),
        "events until": lambda at: recording.events(until=at),
        "document.at": document.at,
        "document.document_at": document.document_at,
        "document.pieces": document.pieces,
        "document.version": document.version,
        "document.version_at": document.version_at,
        "Player since": lambda at: Player(recording, since=at, pages=["overview"]),
        "Player until": lambda at: Player(recording, until=at, pages=["overview"]),
    }


@pytest.mark.parametrize("form", [form for form in NO_TIMES if form != "None"])
def test_every_function_refuses_what_is_no_time(recording: Recording, form: str) -> None:
    asks = times_asked(recording) | {
        "open_service since": lambda at: open_service("http://127.0.0.1:1", "token", to="/nowhere", since=at),
        "open_service until": lambda at: open_service("http://127.0.0.1:1", "token", to="/nowhere", until=at),
    }
    for name, ask in asks.items():
        with pytest.raises((TypeError, ValueError)) as refused:
            ask(NO_TIMES[form])
        assert len(str(refused.value)) > 20, f"{name}: {refused.value!r} says what to do"


FORMS: dict[str, Callable[[float], Any]] = {
    "np.float64": np.float64,
    "datetime": lambda at: datetime.fromtimestamp(at, UTC),
    "naive datetime": lambda at: datetime.fromtimestamp(at, UTC).replace(tzinfo=None),
    "ISO text": lambda at: datetime.fromtimestamp(at, UTC).isoformat(),
    "Timestamp": lambda at: pd.Timestamp(datetime.fromtimestamp(at, UTC)),
    "datetime64": lambda at: np.datetime64(datetime.fromtimestamp(at, UTC).replace(tzinfo=None), "us"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_function_answers_the_same_for_every_form(
    recording: Recording, played: RecordedScenario, form: str
) -> None:
    at = round(played.moments["one edit"], 6)
    for name, ask in times_asked(recording).items():
        if name.startswith("Player"):
            continue
        plain, other = ask(at), ask(FORMS[form](at))
        same = (
            plain.equals(other)
            if isinstance(plain, pd.DataFrame) and isinstance(other, pd.DataFrame)
            else plain == other
        )
        assert same, name


@pytest.mark.parametrize("form", INTEGERS)
def test_every_function_takes_every_integer_for_a_version(recording: Recording, form: str) -> None:
    document, two = recording.document("strategy"), INTEGERS[form]
    assert document.at(two) == "مرحبا!"
    assert document.document_at(two) == document.document_at(2)
    assert document.pieces(two) == document.pieces(2)
    assert document.version(two) == 2
    assert recording.delivered_to(COUNTRY, two) == recording.delivered_to(COUNTRY, 2)


@pytest.mark.parametrize("form", NO_VERSIONS)
def test_an_offset_is_an_integer(recording: Recording, form: str) -> None:
    with pytest.raises(TypeError, match="whole number"):
        recording.delivered_to(COUNTRY, NO_VERSIONS[form])


def test_a_number_as_text_could_be_both_and_is_neither(recording: Recording) -> None:
    with pytest.raises(ValueError, match="could be a version or a time"):
        recording.document("strategy").at("2")
    with pytest.raises(KeyError, match="give a time as a float"):
        recording.document("strategy").at(int(AT))


def test_a_time_that_ends_before_it_begins_is_refused_everywhere(recording: Recording) -> None:
    begins, ends = recording.span
    asks: list[Callable[[], object]] = [
        lambda: recording.entries(since=ends, until=begins),
        lambda: recording.events(since=ends, until=begins),
        lambda: Player(recording, since=ends, until=begins),
        lambda: open_service("http://127.0.0.1:1", "token", to="/nowhere", since=ends, until=begins),
        lambda: Selection(since=ends, until=begins),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match="is after until"):
            ask()


@given(st.floats(-1e9, 4e9, allow_nan=False), st.sampled_from(["UTC", "Asia/Riyadh", "Europe/London"]))
def test_text_of_a_time_is_that_time(seconds: float, tz: str) -> None:
    at = datetime.fromtimestamp(round(seconds, 3), ZoneInfo(tz))
    assert moments.unix(at.isoformat()) == moments.unix(at) == at.timestamp()
    assert abs(moments.unix(moments.written(at.timestamp())) - at.timestamp()) < 0.001


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_an_error(text: str) -> None:
    said = ""
    try:
        moments.unix(text)
    except ValueError as refused:
        said = str(refused)
    assert len(said) < 250
