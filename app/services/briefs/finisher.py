"""The finished brief: a document that people edit, and signed words about where its first version came from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import msgspec

from app.core.briefs.finished import FinishedBrief, Provenance
from app.core.domain.documents import EditError
from app.engine.ports.errors import Unavailable
from app.services.editing.edit_submission import EditAuthor, EditSubmission, WholeText
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.commands import SettingsChange
from dossier_realtime.protocol.errors import ErrorCode

from .generators.port import GenerationError, WrittenBrief
from .messages import BROKEN

if TYPE_CHECKING:
    from app.core.briefs.facts import EntityFacts
    from app.core.briefs.job import BriefJob
    from app.services.channel_admin import ChannelAdmin
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from dossier_realtime.protocol.classification import ChannelSettings
    from dossier_realtime.recording.proof.signed import Purpose


class BriefSigner(Protocol):
    """The signing key of the service."""

    @property
    def fingerprint(self) -> str:
        """The name of the key."""

    def sign(self, purpose: Purpose, text: bytes) -> str:
        """Return the signature of a text for a purpose, in base64. Raises OSError."""


class BriefFinisher:
    """Makes a written text a document. The document has at least the highest level of its sources."""

    def __init__(
        self,
        documents: Documents,
        channel_admin: ChannelAdmin,
        publisher: EventPublisher,
        signer: BriefSigner,
        now: Callable[[], float],
    ) -> None:
        self._documents, self._admin, self._publisher = documents, channel_admin, publisher
        self._signer, self._now = signer, now

    async def finish(
        self, job: BriefJob, facts: EntityFacts, written: WrittenBrief, given: Sequence[str] = ()
    ) -> FinishedBrief:
        """Return the finished brief, whose document is stored.

        `given`: the channels of facts that its author had and does not name; the text may rest on them. Raises
        Unavailable and GenerationError.
        """
        channel = channels.document(job.request_id)
        await self._classify(channel, (job.channel, *facts.channels, *given))
        version = await self._store(channel, job, written)
        provenance = Provenance(
            request_id=job.request_id,
            document=channel,
            version=version,
            generator=job.generator,
            model=written.model,
            requested_by=job.requester.user_id,
            sources=[fact.id for fact in facts.facts],
            text_en=sha256(written.en.encode()).hexdigest(),
            text_ar=sha256(written.ar.encode()).hexdigest(),
            made_at=round(self._now()),
        )
        signature = await asyncio.to_thread(self._signer.sign, "brief", msgspec.json.encode(provenance))
        return FinishedBrief(
            en=written.en,
            ar=written.ar,
            facts=list(facts.facts),
            provenance=provenance,
            checks=list(written.checks),
            key=self._signer.fingerprint,
            signature=signature,
        )

    async def _classify(self, channel: str, sources: tuple[str, ...]) -> None:
        """Raise the document to the highest level of its sources, before there is a text in it."""

        async def unrecorded(_: ChannelSettings, __: ChannelSettings) -> None:
            """Take a change that follows from the request, which is in the journal."""

        level = self._publisher.derived(sources).level
        if level > self._admin.read(channel).level:
            change = msgspec.convert({"classification": level.label}, SettingsChange)
            await self._admin.change(channel, change, unrecorded)

    async def _store(self, channel: str, job: BriefJob, written: WrittenBrief) -> int:
        """Store the text as the document's first version; return it. A document of an earlier attempt is replaced."""
        first, second = (written.ar, written.en) if job.language == "ar" else (written.en, written.ar)
        text = f"{first.rstrip()}\n\n{second.rstrip()}\n"
        while True:
            expected = (await self._documents.state(channel)).version
            answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
            author = EditAuthor(job.requester.user_id, job.requester.name, job.requester.role)
            await self._documents.replace(
                channel, EditSubmission(author, WholeText(text, expected, expected), answered.set_result)
            )
            outcome = await answered
            if isinstance(outcome, int):
                return outcome
            if outcome.code is ErrorCode.SERVICE_UNAVAILABLE:
                raise Unavailable(str(outcome))
            if (await self._documents.state(channel)).version == expected:
                raise GenerationError(BROKEN)
