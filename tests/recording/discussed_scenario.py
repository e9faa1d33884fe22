"""A document that people discuss and hold clauses of, on a real service."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from dossier_realtime.client import DocumentEditor, DossierRealtimeClient
from dossier_realtime.client.together.quiet_edit import QuietEdit
from dossier_realtime.protocol.fields import QUIET_FIELD
from tests.harness.eventually import eventually_async
from tests.harness.service import Service
from tests.harness.wire import Client

DOCUMENT, TEXT = "treaty", "The ports open in May. الموانئ تفتح في مايو."
WORDS, COUNSEL = "The ports", "Which ones? أيّها؟"


class Discussion:
    """Ali, who comments and holds a clause, and Sara, who suggests and has a quiet edit; both have it open."""

    def __init__(self, service: Service, document: str = DOCUMENT) -> None:
        rights = ("write:document:*",)
        self.document = document
        self._clients = [
            DossierRealtimeClient(service.token(user, *rights, name=name), service.url)
            for user, name in (("ali", "Ali"), ("sara", "سارة"))
        ]
        self.ali: DocumentEditor
        self.sara: DocumentEditor
        self._held = AsyncExitStack()
        self.quiet: QuietEdit

    async def begin(self) -> None:
        """Write the text, and comment on it."""
        for client in self._clients:
            await client.connect()
        self.ali, self.sara = (client.document(self.document) for client in self._clients)
        for editor in (self.ali, self.sara):
            await editor.ready()
        self.ali.insert(0, TEXT)
        await self.ali.wait_synced()
        await self.ali.comments.add(0, len(WORDS), COUNSEL)

    async def go_on(self) -> None:
        """Suggest, take a clause, begin a quiet edit; and write before the words of the comment."""
        await eventually_async(lambda: self.sara.text == TEXT)
        at = TEXT.index("May")
        await self.sara.comments.suggest(at, at + 3, "June")
        await self._held.enter_async_context(
            self._clients[0].hold(f"document:{self.document}", "clause.1", seconds=120)
        )
        self.quiet = self.sara.quiet()
        self.ali.insert(0, "Draft. ")
        await self.ali.wait_synced()

    async def end(self) -> None:
        """Answer the comments, give back the clause, drop the quiet edit."""
        await self.ali.comments.load()
        for thread in self.ali.comments.all():
            answer = self.ali.comments.resolve if thread.replacement is None else self.ali.comments.reject
            await answer(thread.id)
        await self._held.aclose()
        self.quiet.discard()

    async def close(self) -> None:
        """Close all clients."""
        await self._held.aclose()
        for client in self._clients:
            await client.close()


class Discussed(NamedTuple):
    """The stopped service, and the moments (Unix seconds) between the parts of the scene."""

    service: Service
    moments: dict[str, float]


def play(data: Path) -> Discussed:
    """Play the scene while a reader watches presence; the document is frozen at the end. The service is stopped."""
    played = Discussed(Service(data), {})
    with played.service:
        asyncio.run(_scene(played))
    played.service.assert_log_clean()
    return played


async def _scene(played: Discussed) -> None:
    async def moment(name: str) -> None:
        await asyncio.sleep(0.3)  # a player keeps five states a second: before and after differ in it, too
        played.moments[name] = time.time()
        await asyncio.sleep(0.3)

    async def until_quiet(expected: bool) -> None:
        while True:  # the presence of users comes a moment after what they did
            told = (await reader.receive("presence_update"))["payload"]
            if told["user_id"] == "sara" and (told["field"] == QUIET_FIELD) == expected:
                return

    service, channel = played.service, f"document:{DOCUMENT}"
    reader = await Client.connect(service, service.token("omar", "admin:*", name="Omar", clearance="secret"))
    await reader.subscribe(channel, include_presence=True)
    discussion = Discussion(service)
    await discussion.begin()
    await reader.receive("document_comment")
    await moment("commented")
    await discussion.go_on()
    await reader.receive("lock_state")
    await until_quiet(True)
    await moment("held")
    await discussion.end()
    await reader.receive("lock_state")
    await until_quiet(False)
    await moment("answered")
    await reader.ask({"type": "channel_settings", "channel": channel, "payload": {"frozen": True}})
    await reader.receive("document_state")
    await moment("frozen")
    await discussion.close()
    await reader.close()
