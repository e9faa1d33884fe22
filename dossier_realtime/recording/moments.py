"""Parsers of times and versions, as analysts write them: in notebooks, on the command line and over HTTP.

A time is Unix seconds (a number, or text that is one), ISO 8601 text, a `date`, a `datetime`, a pandas `Timestamp` or a
numpy `datetime64`. A time without a zone is in `tz`, UTC unless another is named. A version is a whole number of any
integer type. Every other value raises: to guess its meaning would answer another question than the caller's.
"""

from __future__ import annotations

import math
import operator
import re
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Final, SupportsFloat, SupportsIndex
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np

    Moment = SupportsIndex | float | date | str | np.datetime64 | np.floating
    """A time: Unix seconds, a datetime of any kind, or text. `date` includes `datetime` and pandas' `Timestamp`."""

    Place = SupportsIndex | float | date | str | np.datetime64 | np.floating
    """A version (any integer type), or a time that is no integer."""

Zone = tzinfo | str
"""A time zone: a `tzinfo`, or a name such as `Asia/Riyadh`."""

_LATEST: Final = 253_402_300_800.0  # the first second of the year 10000
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_EIGHT = re.compile(r"[0-9]{8}", re.ASCII)  # a date, or Unix seconds of 1970
_FORMS: Final = "Unix seconds, ISO 8601 text such as 2026-03-01T09:30+03:00, a datetime, a Timestamp or a datetime64"


def unix(moment: Moment, tz: Zone = UTC) -> float:
    """Return a time in Unix seconds; one without a zone is in `tz`.

    Raises TypeError for a value of another type (booleans among them), ValueError for one that is no time: NaN,
    infinity, NaT, text in another form, an unknown zone, milliseconds.
    """
    if isinstance(moment, str):
        return _text(moment, tz)
    if isinstance(moment, date):
        return _calendar(moment, tz)
    kind = _kind(moment)
    if kind == "M":
        return _datetime64(moment, tz)
    if kind == "f" and getattr(moment, "itemsize", 8) < 8:
        raise TypeError(f"a {type(moment).__name__} is too coarse for a time of today; use float or float64")
    if not isinstance(moment, bool) and kind in ("", "i", "u", "f") and _is_number(moment):
        return _seconds(float(moment))
    raise TypeError(f"{_shown(moment)} is no time; give {_FORMS}")


def version(value: SupportsIndex, what: str = "a version") -> int:
    """Return a version, an offset or another whole number. Raises TypeError for a value that is no integer."""
    if not isinstance(value, bool) and _kind(value) in ("", "i", "u"):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise TypeError(f"{_shown(value)} is not {what}: give a whole number")


def version_or_time(place: Place, tz: Zone = UTC) -> tuple[int | None, float]:
    """Return a version and 0.0, or None and a time in Unix seconds. An integer of any type is a version.

    Raises TypeError and ValueError as `unix`, and ValueError for text that is a number: it could be either.
    """
    if isinstance(place, str) and _NUMBER.fullmatch(place.strip()):
        text = "could be a version or a time: give a version as an int, a time as ISO 8601 text"
        raise ValueError(f"{_shown(place)} {text}")
    if not isinstance(place, bool | str | float | date) and _kind(place) in ("", "i", "u"):
        try:
            return operator.index(place), 0.0  # type: ignore[arg-type]  # a value without an index raises
        except TypeError:
            pass
    return None, unix(place, tz)


def span(since: Moment | None, until: Moment | None, tz: Zone = UTC) -> tuple[float | None, float | None]:
    """Return both ends of a time in Unix seconds, None where there is none.

    Raises ValueError where it ends before it begins, TypeError and ValueError as `unix`.
    """
    first = None if since is None else unix(since, tz)
    last = None if until is None else unix(until, tz)
    if first is not None and last is not None:
        must_follow(first, last)
    return first, last


def must_follow(since: float, until: float) -> None:
    """Raise ValueError where `until` is before `since` (Unix seconds)."""
    if until < since:
        raise ValueError(f"since ({written(since)}) is after until ({written(until)}): exchange them")


def written(moment: float) -> str:
    """Return Unix seconds as ISO 8601 text in UTC, to the millisecond."""
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{moment:g}"


def _text(text: str, tz: Zone) -> float:
    text = text.strip()
    if _EIGHT.fullmatch(text):
        raise ValueError(
            f"{text!r} could be a date or Unix seconds: write {text[:4]}-{text[4:6]}-{text[6:]}, or {text}.0"
        )
    if _NUMBER.fullmatch(text):
        return _seconds(float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{_shown(text)} is no time; give {_FORMS}") from None
    return _calendar(found, tz)


def _calendar(moment: date, tz: Zone) -> float:
    if moment != moment:
        raise ValueError("NaT is no time; leave rows without one out")
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  the zone comes below
    if moment.tzinfo is None:
        day, clock = (moment.year, moment.month, moment.day), (moment.hour, moment.minute, moment.second)
        moment = datetime(*day, *clock, moment.microsecond, tzinfo=zone(tz), fold=moment.fold)
    try:
        return _seconds(moment.timestamp())
    except OverflowError:
        raise ValueError(f"{moment} is out of range; give a time from year 1 to 9999") from None


def _datetime64(moment: object, tz: Zone) -> float:
    found = moment.astype("datetime64[us]").item()  # type: ignore[attr-defined]  # its dtype says that it is one
    if not isinstance(found, datetime):
        raise ValueError(f"{moment} is no time; leave rows without one out")  # noqa: TRY004  NaT, of the right type
    return _calendar(found, tz)


def _seconds(seconds: float) -> float:
    if not math.isfinite(seconds):
        raise ValueError(f"{seconds} is no time; give {_FORMS}")
    if abs(seconds) >= _LATEST:
        raise ValueError(f"{seconds:.0f} is no time in Unix seconds; divide milliseconds by 1000")
    return seconds


def zone(tz: Zone) -> tzinfo:
    """Return the zone. Raises ValueError for a name of none, TypeError for another type."""
    if isinstance(tz, tzinfo):
        return tz
    if not isinstance(tz, str):
        raise TypeError(f"{tz!r} is no time zone; give a tzinfo, or a name such as Asia/Riyadh")
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {tz!r}; give a name such as UTC or Asia/Riyadh") from None


def _kind(value: object) -> str:
    """Return numpy's letter for the type of a value, without numpy; "" for what is not of numpy."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def _is_number(value: object) -> bool:
    if getattr(value, "ndim", 0):
        return False
    return isinstance(value, float | SupportsIndex) or (_kind(value) != "" and isinstance(value, SupportsFloat))


def _shown(value: object) -> str:
    return repr(value)[:64]
