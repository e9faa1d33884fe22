"""The component of a page in the browser: it draws blocks and sends what its reader does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel
import param
from bokeh.document import Document
from panel.custom import JSComponent
from panel.models.esm import ESMEvent
from panel.viewable import Child

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import locale, translations_for
from dashboard.screen.assets import PAGE_SCRIPTS, STYLES, read
from dashboard.screen.charts import RateChart
from dossier_realtime.protocol.classification import LEVELS

MODULE_PATH = "/assets/console.mjs"


class PageComponent(JSComponent):
    """The component in the browser. `on_message` receives its messages."""

    words = param.Dict(default={})
    levels = param.List(default=[])
    locale = param.String(default="en-GB")
    direction = param.String(default="ltr")
    look = param.String(default="light")
    served = param.Boolean(default=True, doc="Whether the page is one of our own server's, and may reload itself.")
    charts = Child()

    _esm = read(PAGE_SCRIPTS)

    def __init__(self, display: DisplayOptions, chart: RateChart | None, *, served: bool) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Panel is typed in part
            words=translations_for(display.language, "js."),
            levels=[[level, translations_for(display.language, "level.")[level]] for level in LEVELS],
            locale=locale(display.language),
            direction=display.direction,
            look=display.theme,
            served=served,
            charts=None if chart is None else _pane(chart),
            sizing_mode="stretch_width",
            stylesheets=[read(STYLES)],
        )
        self.on_message: Callable[[Any], None] = lambda message: None
        self._document: Document | None = None

    def attach_document(self, document: Document) -> None:
        """Set the document whose only root this component is, on the dashboard's own server."""
        self._document = document

    def _get_properties(self, doc: Document | None) -> dict[str, Any]:
        """Return the properties, with the component's address on our own server: from text it would need `blob:`."""
        properties: dict[str, Any] = super()._get_properties(doc)
        if self.served:
            properties |= {"bundle": "url", "esm": MODULE_PATH}
        return properties

    def _handle_msg(self, data: Any) -> None:
        self.on_message(data)

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message to the browser, through Bokeh where possible: it waits for sockets, and for closing ones."""
        if self._document is None:
            self._send_msg(message)
        else:
            event = ESMEvent(self._document.roots[0], message)  # type: ignore[no-untyped-call]  # likewise
            self._document.callbacks.send_event(event)


def _pane(chart: RateChart) -> Any:
    return panel.pane.Bokeh(chart.figure, sizing_mode="stretch_width")  # type: ignore[no-untyped-call]  # likewise
