"""Calls to the service's HTTP interface: a token in, a status and JSON out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from dossier_realtime.client.io.endpoint import check_url, tls_context
from dossier_realtime.client.io.unfinished import Unfinished

_CALL_TIMEOUT_SECONDS = 10.0
_MAX_RESPONSE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """The response of the service; `status` is 0 when there was none."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        """Return whether the call succeeded."""
        return self.status == 200

    @property
    def why(self) -> str:
        """The reason of a denial, as the service words it."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else ""


class ServiceApi:
    """Calls to `http(s)://host:port`. Raises ValueError for an address that would send tokens in the clear."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        secure = check_url(self.url, ("http", "https"), insecure=False)
        self._tls = tls_context(None, insecure=False) if secure else None
        self._http = AsyncHTTPClient(force_instance=True, max_body_size=_MAX_RESPONSE_BYTES)
        self._unfinished = Unfinished()

    @property
    def socket(self) -> str:
        """The address of the WebSocket."""
        parts = urlsplit(self.url)
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/v1"

    async def call(
        self, method: str, path: str, token: str = "", body: object = None, *, reason: str = ""
    ) -> ServiceResponse:
        """Send one call. `reason` is the user's, and is kept in the journal."""
        response = await self._fetch(method, path, token, body, reason)
        if response is None:
            return ServiceResponse(0)
        if "json" not in response.headers.get("Content-Type", ""):
            return ServiceResponse(response.code, response.body.decode(errors="replace"))
        try:
            return ServiceResponse(response.code, msgspec.json.decode(response.body))
        except msgspec.DecodeError:
            return ServiceResponse(response.code)

    async def read(self, path: str, token: str) -> tuple[int, bytes]:
        """Return the status and the raw body of a GET; status 0 without a response, or for one that is too long."""
        response = await self._fetch("GET", path, token)
        return (0, b"") if response is None else (response.code, response.body)

    async def _fetch(
        self, method: str, path: str, token: str, body: object = None, reason: str = ""
    ) -> HTTPResponse | None:
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if reason:
            headers["X-Reason"] = quote(reason, safe=" ")
        if method in ("POST", "PUT"):
            headers["Content-Type"] = "application/json"
        request = HTTPRequest(
            self.url + path,
            method=method,
            headers=headers,
            body=msgspec.json.encode(body) if method in ("POST", "PUT") else None,
            connect_timeout=_CALL_TIMEOUT_SECONDS,
            request_timeout=_CALL_TIMEOUT_SECONDS,
            follow_redirects=False,  # a token goes to no other address
            ssl_options=self._tls,
        )
        try:
            response = await self._unfinished.result(self._http.fetch(request, raise_error=False))
        except (OSError, HTTPClientError):
            return None
        return None if response.code == 599 else response

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, once calls under way have ended or two seconds have passed."""
        await self._unfinished.end()
        self._http.close()
