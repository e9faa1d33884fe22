"""One thing in full, as the service tells it to the viewer: asked with the viewer's own token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.screen.blocks import Block
from dashboard.screen.details.alert import alert_details
from dashboard.screen.details.brief import brief_details
from dashboard.screen.details.document import document_details
from dashboard.screen.details.relationship import ShownReasons, relationship_details
from dashboard.screen.listing import ListQuery, in_parts
from dashboard.screen.viewer import Viewer
from dossier_realtime.protocol.fields import Id
from dossier_realtime.protocol.http.commitments import CommitmentAnswer
from dossier_realtime.protocol.http.forms import BriefAnswer, DocumentAnswer

_ROWS: Final = ListQuery(size=1_000)  # a dialog has no parts
_KINDS: Final[dict[str, tuple[str, type[msgspec.Struct], Callable[[Any, Viewer], list[Block]]]]] = {
    "alert": ("/v1/commitments/{of}", CommitmentAnswer, alert_details),
    "brief": ("/v1/briefs/{of}", BriefAnswer, brief_details),
    "relationship": ("/v1/relationships/{of}/why", ShownReasons, relationship_details),
    "document": ("/v1/documents/{of}", DocumentAnswer, document_details),
}
"""By kind: the call, the form of its answer, and the blocks of that."""


ONCE: Final = frozenset({"document"})
"""Kinds that are read when their dialog opens, and not again: each reading of a text stands in the journal."""


class DetailRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The thing that a page asks for."""

    kind: Literal["alert", "brief", "relationship", "document"]
    of: Id


class Details:
    """The things that one user may read, each in full."""

    def __init__(self, api: ServiceApi, viewer: Viewer, token: str) -> None:
        self._api, self._viewer, self._token = api, viewer, token

    async def read(self, asked: DetailRequest) -> list[Block]:
        """Return the blocks of a thing; one sentence where the service does not tell it."""
        path, form, blocks = _KINDS[asked.kind]
        answer = await self._api.call("GET", path.format(of=quote(asked.of, safe="")), self._token)
        if answer.ok:
            try:
                return in_parts(blocks(msgspec.convert(answer.body, form), self._viewer), _ROWS)
            except msgspec.ValidationError:
                return [self._sentence("detail.unreadable")]
        absent = "detail.absent_brief" if asked.kind == "brief" else "detail.absent"
        return [self._sentence(absent if answer.status in (403, 404) else "detail.unread")]

    def _sentence(self, key: str) -> Block:
        return {"id": "detail-none", "kind": "banner", "tone": "warn", "text": self._viewer.say(key)}
