"""A document and its counterpart in another language, over HTTP (docs/protocol.md#two-languages)."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from urllib.parse import quote

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.http.pair_forms import (
    DocumentPairAnswer,
    MarkedClauses,
    PairRemoved,
    PairSettings,
)

from .io.endpoint import TokenSource
from .io.service_calls import ServiceCalls


class DocumentPair(ServiceCalls):
    """The pair that one document is in, for the user whom the token names.

        async with DocumentPair("mou-7.en", token, "https://realtime.example") as pair:
            await pair.join("mou-7.ar", language="en", counterpart_language="ar")
            for clause in (await pair.read()).clauses:
                print(clause.key, clause.status, clause.changed)

    `base_url` is without `/v1`; `http://` only to this machine, unless `insecure`. Every call raises PublishError where
    the service refuses it (404: no counterpart; 409: another one), AuthFailed and ConnectFailed.
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
        name = channels.identifier(channels.document(document_id))
        self._path = f"/v1/documents/{quote(name, safe='')}/pair"

    async def join(self, counterpart: str, *, language: str, counterpart_language: str) -> None:
        """Make another document the counterpart, or set the languages (BCP 47) of both."""
        body = PairSettings(counterpart, language, counterpart_language)
        await self._ask("PUT", self._path, PairSettings, body)

    async def read(self, *, text: bool = False) -> DocumentPairAnswer:
        """Return both sides, clause by clause; `text`: with the texts of the clauses."""
        return await self._ask("GET", f"{self._path}?text=true" if text else self._path, DocumentPairAnswer)

    async def mark_translated(
        self,
        clauses: Sequence[str] | None = None,
        *,
        version: int | None = None,
        counterpart_version: int | None = None,
    ) -> MarkedClauses:
        """Mark clauses by their keys, by default all, as translated at the versions that were compared.

        Those are the `version` of both sides that `read` answered with; left out, they are the present ones.
        """
        said = {"clauses": None if clauses is None else list(clauses)}
        body = said | {"version": version, "counterpart_version": counterpart_version}
        return await self._ask("POST", f"{self._path}/translated", MarkedClauses, body)

    async def part(self) -> None:
        """Take the pair apart; its marks go with it."""
        await self._ask("DELETE", self._path, PairRemoved)
