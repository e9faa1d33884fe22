"""Calls to the HTTP API of the service, with a token; refusals are exceptions."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse

from dossier_realtime.client.errors import AuthFailed, ConnectFailed, PublishError
from dossier_realtime.protocol.errors import ErrorCode

from .endpoint import TokenSource, ask, check_token, check_url, tls_context
from .transport import seconds
from .unfinished import Unfinished

_PASSING = frozenset({429, 502, 503, 504})


def is_passing(failed: ConnectFailed | PublishError) -> bool:
    """Return True where the same call may succeed later."""
    return failed.status in _PASSING or (isinstance(failed, ConnectFailed) and not failed.final)


class _ErrorBody(msgspec.Struct):
    error_code: ErrorCode
    message: str
    index: int | None = None
    path: str | None = None


class HttpCalls:
    """The calls of one user to one service. `base_url` is without `/v1`; each call takes `timeout` seconds at most."""

    def __init__(
        self,
        token: TokenSource,
        base_url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 10.0,
    ) -> None:
        check_token(token)
        secure = check_url(base_url, ("http", "https"), insecure=insecure)
        if urlsplit(base_url).path.rstrip("/").endswith("/v1"):
            raise ValueError("base_url is the address without /v1, such as https://host; leave /v1 out")
        self._tls = tls_context(ssl_context, insecure=insecure) if secure else None
        self._url = base_url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._http: AsyncHTTPClient | None = None
        self._unfinished = Unfinished()

    async def close(self) -> None:
        """Close the connections, once calls under way have ended or END_SECONDS have passed."""
        await self._unfinished.end()
        if self._http is not None:
            self._http.close()
            self._http = None

    async def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the body of the answer. Raises AuthFailed, ConnectFailed, and PublishError for a refusal."""
        if self._http is None:
            self._http = AsyncHTTPClient(force_instance=True)
        url = self._url + path
        request = HTTPRequest(
            url,
            method=method,
            headers={
                "Authorization": f"Bearer {await ask(self._token)}",
                **({} if body is None else {"Content-Type": "application/json"}),
                **(headers or {}),
            },
            body=body,
            connect_timeout=self._timeout,
            request_timeout=self._timeout,
            follow_redirects=False,  # a token goes to no other address
            ssl_options=self._tls,
        )
        try:
            response = await self._unfinished.result(self._http.fetch(request, raise_error=False))
        except ssl.SSLError as wrong:
            text = f"No safe connection to {url}: {wrong.reason or wrong}; check the certificate and TLS 1.3"
            raise ConnectFailed(text, final=True) from wrong
        except (OSError, HTTPClientError) as wrong:  # the latter is a time-out or a stream that ended
            raise ConnectFailed(f"{url} cannot be reached ({wrong}); try again later") from wrong
        if response.code == 200:
            return response.body
        raise _refused(response)


def _refused(response: HTTPResponse) -> AuthFailed | PublishError:
    try:
        said = msgspec.json.decode(response.body, type=_ErrorBody)
    except msgspec.DecodeError:  # not our server, but something before it
        said = _ErrorBody(ErrorCode.SERVICE_UNAVAILABLE, f"HTTP {response.code}; check the address or try again")
    if response.code == 401:
        return AuthFailed(said.message, said.error_code)
    wait = seconds(response.headers.get("Retry-After"))
    return PublishError(
        response.code, said.error_code, said.message, index=said.index, path=said.path, retry_after=wait
    )
