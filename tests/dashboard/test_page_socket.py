"""A page's socket that closes after its session was discarded ends without a fault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from bokeh.server.urls import per_app_patterns
from bokeh.server.views.ws import WSHandler

import dashboard.site.server  # noqa: F401  puts its handlers in Bokeh's place


@pytest.mark.parametrize("discarded", [True, False])
def test_the_server_forgets_the_client_whichever_ends_first(discarded: bool) -> None:
    (handler,) = [each for _, each, *_ in per_app_patterns if issubclass(each, WSHandler)]
    told: list[str] = []
    session = SimpleNamespace(notify_connection_lost=lambda: told.append("session"))
    connection = SimpleNamespace(_session=None if discarded else session, session=session)
    socket: Any = handler.__new__(handler)
    socket.connection, socket.ws_connection = connection, None
    socket.close_code = socket.close_reason = None
    socket.application = SimpleNamespace(client_lost=lambda lost: told.append("server" if lost is connection else "?"))
    socket.on_close()
    assert told == (["server"] if discarded else ["session", "server"])
