"""A service that gives each GET the same answer, in the test's own loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


@dataclass
class Answering:
    """Its address, and the status and body that it answers with from now on."""

    url: str
    answer: tuple[int, Any]


@contextmanager
def answering(status: int, body: Any) -> Iterator[Answering]:
    """Serve until the block ends; a dict is sent as JSON, anything else as text."""

    class Handler(RequestHandler):
        def get(self) -> None:
            status, body = served.answer
            self.set_status(status)
            self.finish(body)

    (sock,) = bind_sockets(0, "127.0.0.1")
    served = Answering(f"http://127.0.0.1:{sock.getsockname()[1]}", (status, body))
    server = HTTPServer(Application([(r"/.*", Handler)]))
    server.add_sockets([sock])
    try:
        yield served
    finally:
        server.stop()
