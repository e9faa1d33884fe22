"""The pages, in one table: what each shows of the state, and which figure runs above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say
from dashboard.screen.charts import RateChart
from dashboard.screen.panes import PANES, Pane


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `pane` makes its blocks, `chart` its figure."""

    pane: Pane
    chart: Callable[[DisplayOptions], RateChart] | None = None


def _traffic(display: DisplayOptions) -> RateChart:
    words = [say(display.language, f"chart.{name}") for name in ("events", "edits", "traffic")]
    return RateChart(("events", words[0]), ("edits", words[1]), words[2], display)


def _limits(display: DisplayOptions) -> RateChart:
    words = [say(display.language, f"chart.{name}") for name in ("warnings", "refused", "limits")]
    return RateChart(("warnings", words[0]), ("refused", words[1]), words[2], display)


_CHARTS: dict[str, Callable[[DisplayOptions], RateChart]] = {"overview": _traffic, "limits": _limits}

PAGES: dict[str, Page] = {name: Page(pane, _CHARTS.get(name)) for name, pane in PANES.items()}
