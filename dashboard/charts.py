"""Figures that run with the state: Bokeh sources that are streamed into, never drawn anew."""

from __future__ import annotations

from typing import Any

from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, DataRange1d, DatetimeTickFormatter
from bokeh.models.annotations import Title
from bokeh.plotting import figure

from dashboard.looks import Looks
from dashboard.panes.presence import countries
from dashboard.store import DashboardState
from dashboard.theme import FONT, PALETTES, Palette
from dashboard.viewer import Viewer

_SHOWN = 300  # seconds
_STEPS = (0, 1, 3, 6, 10)  # people from which a country has its colour

# A map of tiles, column and row from the north-west: neighbours stay neighbours, each country is as big as the other.
_TILES = {
    "CA": (0, 0), "US": (0, 1), "BR": (1, 4),
    "GB": (3, 0), "NL": (4, 0), "DE": (5, 0), "ES": (3, 1), "FR": (4, 1), "TR": (6, 1),
    "MA": (3, 2), "TN": (4, 2), "EG": (5, 3), "JO": (6, 2), "IQ": (7, 2), "KW": (8, 2),
    "SA": (6, 3), "BH": (7, 3), "QA": (8, 3), "AE": (8, 4), "OM": (7, 4), "ZA": (5, 5),
    "CN": (10, 1), "KR": (11, 1), "JP": (12, 1), "IN": (10, 3), "MY": (11, 4), "ID": (12, 4), "AU": (12, 5),
}  # fmt: skip
_SPARE_ROW, _COLUMNS = 6, 13  # where countries stand that the map does not know


class Traffic:
    """Two counts a second, as lines over the last five minutes."""

    def __init__(self, first: tuple[str, str], second: tuple[str, str], title: str, looks: Looks) -> None:
        self._names = first[0], second[0]
        self._last = 0
        palette = PALETTES[looks.theme]
        self._source = ColumnDataSource({"at": [], "first": [], "second": []})
        plot = _figure(title, palette, looks, height=230)
        plot.x_range = DataRange1d(follow="end", follow_interval=1000 * _SHOWN, range_padding=0, syncable=False)
        plot.y_range = DataRange1d(start=0, syncable=False)
        plot.xaxis.formatter = DatetimeTickFormatter(
            seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%H:%M"
        )
        plot.line("at", "first", source=self._source, color=palette.first, width=2, legend_label=_isolated(first[1]))
        plot.line(
            *("at", "second"),
            source=self._source,
            color=palette.second,
            width=2,
            line_dash="dashed",
            legend_label=_isolated(second[1]),
        )
        legend = plot.legend[0]
        legend.orientation, legend.location, legend.margin, legend.padding = "horizontal", "top_left", 0, 2
        plot.add_layout(legend, "below")
        legend.background_fill_alpha = legend.border_line_alpha = 0
        legend.label_text_color, legend.label_text_font = palette.ink, FONT
        plot.yaxis.minor_tick_line_color = None
        self.figure = plot

    def update(self, state: DashboardState, viewer: Viewer) -> None:
        """Stream the seconds that are over: the last one may still be counted on."""
        over = list(state.seconds)[:-1]
        new = [second for second in over[-_SHOWN:] if second.at > self._last]
        if not new:
            return
        self._last = new[-1].at
        first, second = self._names
        self._source.stream(
            {
                "at": [1000 * each.at for each in new],
                "first": [each.counts[first] for each in new],
                "second": [each.counts[second] for each in new],
            },
            rollover=_SHOWN,
        )


class CountryMap:
    """The dossier's countries: each a tile with its code and how many people are there."""

    def __init__(self, title: str, looks: Looks) -> None:
        self._palette = PALETTES[looks.theme]
        self._people: dict[str, int] = {}
        self._source = ColumnDataSource({name: [] for name in ("x", "y", "code", "people", "fill", "ink")})
        plot = _figure(title, self._palette, looks, height=300)
        plot.x_range.start, plot.x_range.end = -0.6, _COLUMNS - 0.4
        plot.y_range.start, plot.y_range.end = _SPARE_ROW - 0.4, -0.6
        plot.axis.visible = False
        plot.grid.visible = False
        tile = {"x": "x", "y": "y", "source": self._source}
        plot.rect(**tile, width=0.94, height=0.92, fill_color="fill", line_color=self._palette.edge)
        centred = {"text_align": "center", "text_baseline": "middle", "text_color": "ink", "text_font": value(FONT)}
        plot.text(**tile, text="code", y_offset=-8, text_font_size="12px", **centred)
        plot.text(**tile, text="people", y_offset=9, text_font_size="15px", text_font_style="bold", **centred)
        self.figure = plot

    def update(self, state: DashboardState, viewer: Viewer) -> None:
        """Colour the tiles anew, if somebody came or went."""
        people = dict.fromkeys(_TILES, 0) | countries(state, viewer)
        if people == self._people:
            return
        self._people = people
        spare = [code for code in sorted(people) if code not in _TILES]
        places = _TILES | {code: (i % _COLUMNS, _SPARE_ROW + i // _COLUMNS) for i, code in enumerate(spare)}
        rows = _SPARE_ROW + -(-len(spare) // _COLUMNS)
        self.figure.y_range.start = rows - 0.4
        steps = {code: max(i for i, bound in enumerate(_STEPS) if count >= bound) for code, count in people.items()}
        self._source.data = {
            "x": [places[code][0] for code in people],
            "y": [places[code][1] for code in people],
            "code": list(people),
            "people": [str(count) for count in people.values()],
            "fill": [self._palette.steps[steps[code]] for code in people],
            "ink": [self._palette.steps_ink[steps[code]] for code in people],
        }


Chart = Traffic | CountryMap


def _figure(title: str, palette: Palette, looks: Looks, height: int) -> Any:
    plot = figure(
        title=Title(
            text=_isolated(title),
            text_color=palette.ink,
            text_font=FONT,
            text_font_size="15px",
            align="right" if looks.direction == "rtl" else "left",
        ),
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        toolbar_location=None,
        tools="",
        background_fill_color=palette.surface,
        border_fill_color=palette.surface,
        outline_line_color=None,
    )
    plot.grid.grid_line_color = palette.edge
    for name in ("axis_line_color", "major_tick_line_color", "minor_tick_line_color"):
        setattr(plot.axis, name, palette.edge)
    plot.axis.major_label_text_color = palette.quiet
    plot.axis.major_label_text_font = FONT
    for model in (plot, plot.x_range, plot.y_range):
        model.syncable = False  # how far the browser has drawn is nothing that the server must hear of each second
    return plot


def _isolated(text: str) -> str:
    """Words for a canvas, which knows no bdi: between the marks that keep their direction to themselves."""
    return f"\u2067{text}\u2069" if any("\u0590" <= letter <= "\u08ff" for letter in text) else text
