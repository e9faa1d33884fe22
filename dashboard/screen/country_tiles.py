"""A tile map of countries: each country is one tile, near its neighbours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STEPS = (1, 3, 6, 10)  # numbers of people at which a tile gets darker
_TILES = {
    "CA": (0, 0), "US": (0, 1), "BR": (1, 4),
    "GB": (3, 0), "NL": (4, 0), "DE": (5, 0), "ES": (3, 1), "FR": (4, 1), "TR": (6, 1),
    "MA": (3, 2), "TN": (4, 2), "EG": (5, 3), "JO": (6, 2), "IQ": (7, 2), "KW": (8, 2),
    "SA": (6, 3), "BH": (7, 3), "QA": (8, 3), "AE": (8, 4), "OM": (7, 4), "ZA": (5, 5),
    "CN": (10, 1), "KR": (11, 1), "JP": (12, 1), "IN": (10, 3), "MY": (11, 4), "ID": (12, 4), "AU": (12, 5),
}  # fmt: skip
"""Column and row, from the north-west, by ISO code."""
COLUMNS = 13
_SPARE_ROW = 6  # the first row of countries that the map lacks


def tiles(people: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return a tile for each country of the map and of `people`: its code, its place and its number of people."""
    spare = [code for code in sorted(people) if code not in _TILES]
    places = _TILES | {code: (i % COLUMNS, _SPARE_ROW + i // COLUMNS) for i, code in enumerate(spare)}
    return [
        {"code": code, "column": column, "row": row, "count": count, "step": sum(count >= bound for bound in _STEPS)}
        for code, (column, row) in places.items()
        for count in [people.get(code, 0)]
    ]
