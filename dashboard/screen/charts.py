"""The chart above a page: a Bokeh source that is streamed into and never redrawn."""

from __future__ import annotations

from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, DatetimeTickFormatter
from bokeh.models.annotations import Title
from bokeh.plotting import figure

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say
from dashboard.language.theme import FONT, PALETTES, Palette
from dashboard.screen.pane import ChartSpec
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState

_WINDOW_SECONDS = 300


def rate_chart(spec: ChartSpec, display: DisplayOptions) -> RateChart:
    """Return the chart of a pane, labelled in the reader's language."""
    first, second = (
        (count, say(display.language, label)) for count, label in zip(spec.counts, spec.labels, strict=True)
    )
    return RateChart(first, second, say(display.language, spec.title), display)


class RateChart:
    """Two counts a second, as lines over the last five minutes."""

    def __init__(self, first: tuple[str, str], second: tuple[str, str], title: str, display: DisplayOptions) -> None:
        self._names = first[0], second[0]
        self._last = 0
        palette = PALETTES[display.theme]
        self._source = ColumnDataSource({"at": [], "first": [], "second": []})
        plot = _figure(title, palette, display, height=230)
        plot.x_range = DataRange1d(
            follow="end", follow_interval=1000 * _WINDOW_SECONDS, range_padding=0, syncable=False
        )
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
        new = [second for second in over[-_WINDOW_SECONDS:] if second.at > self._last]
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
            rollover=_WINDOW_SECONDS,
        )


def _figure(title: str, palette: Palette, display: DisplayOptions, height: int) -> Any:
    plot = figure(
        title=Title(
            text=_isolated(title),
            text_color=palette.ink,
            text_font=FONT,
            text_font_size="15px",
            align="right" if display.direction == "rtl" else "left",
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
        model.syncable = False  # otherwise each browser sends its ranges to the server every second
    return plot


def _isolated(text: str) -> str:
    """Words for a canvas, which knows no bdi: between the marks that keep their direction to themselves."""
    return f"\u2067{text}\u2069" if any("\u0590" <= letter <= "\u08ff" for letter in text) else text
