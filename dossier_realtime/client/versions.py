"""All versions of a document, over HTTP: who wrote them and when, their texts, names and differences.

Source: docs/protocol.md#history-of-a-document.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.snapshots import SignedSnapshot
from dossier_realtime.protocol.http.forms import DocumentAnswer
from dossier_realtime.protocol.http.revisions import (
    DocumentDifference,
    DocumentRevision,
    DocumentRevisions,
    NamedDocumentVersion,
    NamedDocumentVersions,
    RestoredVersion,
    WordDifference,
)

from .io.endpoint import TokenSource
from .io.service_calls import ServiceCalls

T = TypeVar("T")


class DocumentVersions(ServiceCalls):
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
        super().__init__(token, base_url, insecure=insecure, ssl_context=ssl_context, timeout=timeout)
        name = channels.document(document_id).partition(":")[2]
        self._path = f"/v1/documents/{quote(name, safe='')}"

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
        return await self._calls.call("GET", self._at("/export", query))

    async def difference(self, old: int | str, new: int | str | None = None) -> list[WordDifference]:
        """Return the difference of two versions by word; without `new`, to the present text."""
        query = {"from": str(old)} | ({} if new is None else {"to": str(new)})
        return (await self._call(DocumentDifference, "GET", "/diff", query)).changes

    async def named(self) -> list[NamedDocumentVersion]:
        """Return the versions that have a name, in their order."""
        return (await self._call(NamedDocumentVersions, "GET", "/versions")).versions

    async def name(self, name: str, version: int | str | None = None) -> NamedDocumentVersion:
        """Give a version a name, by default the present one; a name that another version has moves to it."""
        body = {} if version is None else {"version": version}
        return await self._call(NamedDocumentVersion, "PUT", f"/versions/{quote(name, safe='')}", body=body)

    async def restore(self, version: int | str) -> int:
        """Make the document as it was at a version, formatting too; return the version that did so."""
        return (await self._call(RestoredVersion, "POST", "/restore", body={"version": version})).version

    async def sign(
        self, version: int | str | None = None, *, note: str | None = None, name: str | None = None
    ) -> SignedSnapshot:
        """Have a version signed by the service, by default the present one, and return it with its text.

        The statement says who has the document open. `name`: the version gets it. `snapshot.file` is the content of a
        file that `run.py verify --snapshot` checks offline.
        """
        said = {"version": version, "note": note, "name": name}
        body = {key: value for key, value in said.items() if value is not None}
        return await self._call(SignedSnapshot, "POST", "/snapshots", body=body)

    async def _call(
        self,
        form: type[T],
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> T:
        return await self._ask(method, self._at(path, query), form, body)

    def _at(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self._path}{path}{'?' + urlencode(query) if query else ''}"
