"""An issuer of tokens on this machine: its key set behind a URL, which rotates, stalls, dies or lies as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt


def jwk(key: Any, kind: str = "RS256", /, **members: Any) -> dict[str, Any]:
    """The public half of `key` with further members."""
    described = jwt.get_algorithm_by_name(kind).to_jwk(key.public_key(), as_dict=True)
    assert isinstance(described, dict)
    return described | members


def text(*keys: Any) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Issuer(ThreadingHTTPServer):
    """An issuer on this machine; `held` keeps its answer back until it is set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), KeysHandler)
        self.body = text()
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.asked = threading.Event()
        self.held = threading.Event()
        self.held.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/keys?all=1"


class KeysHandler(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.server.asked.set()
        self.server.held.wait()
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""


@contextmanager
def serving() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield issuer
    finally:
        issuer.held.set()
        issuer.shutdown()
        issuer.server_close()
        thread.join()
