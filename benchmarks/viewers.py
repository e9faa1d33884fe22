"""Open pages of the dashboard without a browser: plain sockets that say what the page says.

A page asks for its document, says that it is ready, and acknowledges what it is told; this one draws nothing.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.websocket import WebSocketClientConnection, websocket_connect

_PATIENCE_SECONDS = 240.0  # of each request: a page of a busy machine comes late, and is no less a page
_ITEM = re.compile(r'"token":"([^"]+)".*?"root_ids":\["([^"]+)"\]')


async def log_in(url: str, token: str) -> str:
    """Log in by the form and return the cookie. Raises ConnectionError when the token is refused."""
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": url}
    body = urlencode({"token": token})
    request = _request(f"{url}/login", method="POST", headers=HTTPHeaders(form), body=body, follow_redirects=False)
    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
    if answer.code != 303:
        raise ConnectionError(f"the dashboard does not let this token in ({answer.code}); has it an operator's role?")
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def _request(
    url: str, *, headers: HTTPHeaders, method: str = "GET", body: str | None = None, follow_redirects: bool = True
) -> HTTPRequest:
    return HTTPRequest(
        url,
        method=method,
        headers=headers,
        body=body,
        follow_redirects=follow_redirects,
        connect_timeout=_PATIENCE_SECONDS,
        request_timeout=_PATIENCE_SECONDS,
    )


class PageViewer:
    """One open page. `told` counts the messages with news, `mute` reads on and acknowledges nothing."""

    def __init__(self, page: str, socket: WebSocketClientConnection, root: str) -> None:
        self.page = page
        self.told = 0
        self.mute = False
        self.news: list[str] | None = None
        """Received messages are kept here when it is a list."""
        self._socket = socket
        self._root = root
        self._awake = asyncio.Event()
        self._awake.set()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, cookie: str, page: str = "overview") -> Self:
        """Load the page and open its socket. Raises tornado's HTTPError where one is refused."""
        html = await AsyncHTTPClient().fetch(_request(f"{url}/{page}", headers=HTTPHeaders({"Cookie": cookie})))
        found = _ITEM.search(html.body.decode())
        if found is None:
            raise ConnectionError(f"{url}/{page} holds no page; is the login good?")
        headers = {"Cookie": cookie, "Origin": url}
        request = _request(f"{url.replace('http', 'ws', 1)}/{page}/ws", headers=HTTPHeaders(headers))
        socket = await websocket_connect(request, subprotocols=["bokeh", found[1]])
        while '"ACK"' not in str(said := await socket.read_message()):
            if said is None:
                raise ConnectionError(f"the socket of {url}/{page} was closed at once")
        viewer = cls(page, socket, found[2])
        await viewer._send("PULL-DOC-REQ", {})
        await viewer._say({"ready": True})
        return viewer

    def sleep(self) -> None:
        """Read nothing more and acknowledge nothing more; the connection stays."""
        self.mute = True
        self._awake.clear()

    def wake(self) -> None:
        """Read on, still mute."""
        self._awake.set()

    @property
    def gone(self) -> bool:
        """Return whether the dashboard has ended the connection and all that it had sent was read."""
        return self._reading.done()

    async def close(self) -> None:
        """Close the tab."""
        self._reading.cancel()
        self._socket.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            await self._awake.wait()
            text = await self._socket.read_message()
            if text is None:
                return
            if not isinstance(text, str) or '"esm_event"' not in text[:200]:
                continue
            for event in msgspec.json.decode(text)["events"]:
                await self._heard(dict(dict(event["msg_data"]["values"]["entries"])["data"]["entries"]))

    async def _heard(self, message: dict[str, Any]) -> None:
        if "news" not in message:
            return
        self.told += 1
        if self.news is not None:
            self.news += message["news"]
        if not self.mute:
            await self._say({"seen": message["count"]})

    async def _say(self, message: dict[str, Any]) -> None:
        data = {"type": "map", "entries": list(message.items())}
        values = {"type": "map", "entries": [["model", {"id": self._root}], ["data", data]]}
        event = {"type": "event", "name": "data_event", "values": values}
        await self._send(
            "PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}]}
        )

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        header = {"msgid": uuid4().hex, "msgtype": kind}
        for part in (header, {}, content):
            await self._socket.write_message(msgspec.json.encode(part).decode())
