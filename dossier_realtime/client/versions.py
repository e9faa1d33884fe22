"""All versions of a document, over HTTP: who wrote them and when, their texts, names and differences.

Source: docs/protocol.md#history-of-a-document.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.snapshots import SignedSnapshot
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.http.forms import DocumentAnswer, HttpError
from dossier_realtime.protocol.http.revisions import (
    DocumentDifference,
    DocumentRevision,
    DocumentRevisions,
    NamedDocumentVersion,
    NamedDocumentVersions,
    RestoredVersion,
    WordDifference,
)

from .errors import AuthFailed, ConnectFailed, DeniedError
from .io.endpoint import TokenSource, ask, check_token, check_url, tls_context
from .io.transport import seconds

T = TypeVar("T")


class DocumentVersions:
    """The versions of one document, for the user whom the token names.

        async with DocumentVersions("brief-7", token, "https://realtime.example") as versions:
            async for revision in versions.history(joined=True):
                print(revision.version, revision.user_name, revision.timestamp)
            await versions.name("sent to the minister")
            changes = await versions.difference("sent to the minister")

    Reading needs `read` on the document, `name` and `restore` need `write`. A version is given by its number or its
    name. `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. Every method raises
    AuthFailed, ConnectFailed, and DeniedError where the service refuses.
    """

    def __init__(
        self,
        document_id: str,
        token: TokenSource,
        base_url: str,
        *,
        insecure: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        timeout: float = 30.0,
    ) -> None:
        check_token(token)
        secure = check_url(base_url, ("http", "https"), insecure=insecure)
        self._tls = tls_context(ssl_context, insecure=insecure) if secure else None
        name = channels.document(document_id).partition(":")[2]
        self._url = f"{base_url.rstrip('/')}/v1/documents/{quote(name, safe='')}"
        self._token, self._timeout = token, timeout
        self._http: AsyncHTTPClient | None = None

    async def history(self, *, after: int = 0, joined: bool = False) -> AsyncIterator[DocumentRevision]:
        """Yield all versions after `after`, oldest first; `joined`: one row for versions of one author in a row."""
        following: int | None = after
        while following is not None:
            query = {"after": str(following), "joined": "true" if joined else "false"}
            page = await self._call(DocumentRevisions, "GET", "/history", query)
            for revision in page.versions:
                yield revision
            following = page.next

    async def text(self, version: int | str | None = None) -> DocumentAnswer:
        """Return the text and formatting of a version, by default the present one."""
        return await self._call(DocumentAnswer, "GET", "", {} if version is None else {"version": str(version)})

    async def file(self, form: Literal["markdown", "html", "docx"], version: int | str | None = None) -> bytes:
        """Return a version, by default the present one, as a file, comments as its comments."""
        query = {"format": form} | ({} if version is None else {"version": str(version)})
        return await self._fetch("GET", "/export", query)

    async def difference(self, old: int | str, new: int | str | None = None) -> list[WordDifference]:
        """Return the difference of two versions by word; without `new`, to the present text."""
        query = {"from": str(old)} | ({} if new is None else {"to": str(new)})
        return (await self._call(DocumentDifference, "GET", "/diff", query)).changes

    async def named(self) -> list[NamedDocumentVersion]:
        """Return the versions that have a name, in their order."""
        return (await self._call(NamedDocumentVersions, "GET", "/versions")).versions

    async def name(self, name: str, version: int | None = None) -> NamedDocumentVersion:
        """Give a version a name, by default the present one; a name that another version has moves to it."""
        body = {} if version is None else {"version": version}
        return await self._call(NamedDocumentVersion, "PUT", f"/versions/{quote(name, safe='')}", body=body)

    async def restore(self, version: int | str) -> int:
        """Make the document as it was at a version, formatting too; return the version that did so."""
        return (await self._call(RestoredVersion, "POST", "/restore", body={"version": version})).version

    async def sign(
        self, version: int | None = None, *, note: str | None = None, name: str | None = None
    ) -> SignedSnapshot:
        """Have a version signed by the service, by default the present one, and return it with its text.

        The statement says who has the document open. `name`: the version gets it. `snapshot.file` is the content of a
        file that `run.py verify --snapshot` checks offline.
        """
        said = {"version": version, "note": note, "name": name}
        body = {key: value for key, value in said.items() if value is not None}
        return await self._call(SignedSnapshot, "POST", "/snapshots", body=body)

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _call(
        self,
        form: type[T],
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        return msgspec.json.decode(await self._fetch(method, path, query, body), type=form)

    async def _fetch(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> bytes:
        if self._http is None:
            self._http = AsyncHTTPClient(force_instance=True)
        request = HTTPRequest(
            f"{self._url}{path}{'?' + urlencode(query) if query else ''}",
            method=method,
            headers={"Authorization": f"Bearer {await ask(self._token)}", "Content-Type": "application/json"},
            body=None if body is None else msgspec.json.encode(body),
            connect_timeout=self._timeout,
            request_timeout=self._timeout,
            follow_redirects=False,  # a token goes to no other address
            ssl_options=self._tls,
        )
        try:
            response = await self._http.fetch(request, raise_error=False)
        except ssl.SSLError as wrong:
            text = f"No safe connection to {self._url}: {wrong.reason or wrong}; check the certificate and TLS 1.3"
            raise ConnectFailed(text, final=True) from wrong
        except (OSError, HTTPClientError) as wrong:  # the latter is a time-out or a stream that ended
            raise ConnectFailed(f"{self._url} cannot be reached ({wrong}); try again later") from wrong
        if response.code == 200:
            return response.body
        try:
            said = msgspec.json.decode(response.body, type=HttpError)
        except msgspec.DecodeError:  # not our server, but something before it
            text = f"HTTP {response.code}; check the address or try again"
            said = HttpError(ErrorCode.SERVICE_UNAVAILABLE, text)
        if response.code == 401:
            raise AuthFailed(said.message, said.error_code)
        raise DeniedError(said.error_code, said.message, retry_after=seconds(response.headers.get("Retry-After")))
