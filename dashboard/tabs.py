"""Tabs that close while they are written to: nobody's fault, and no line in the log."""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.websocket import WebSocketClosedError


def forgive_closed_tabs(loop: asyncio.AbstractEventLoop) -> None:
    """Panel begins three writes a message and, where a later one finds the tab closed, never asks what became of the
    earlier: asyncio would tell of each as an exception that was never retrieved. Everything else is told as ever."""

    def told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), WebSocketClosedError):
            loop.default_exception_handler(context)

    loop.set_exception_handler(told)
