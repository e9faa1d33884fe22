"""Briefs on request, built from the configuration: the generators, the sources of facts, the queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from app.core.briefs.circuit import CircuitBreaker
from app.security import token_secrets
from app.services.briefs.facts.collector import FactCollector
from app.services.briefs.facts.commitment_source import CommitmentSource
from app.services.briefs.facts.sources import HistorySource, PresenceSource
from app.services.briefs.facts.task_source import TaskSource
from app.services.briefs.finisher import BriefFinisher
from app.services.briefs.generators.chat.chat_generator import ChatGenerator
from app.services.briefs.generators.chat.completion import ChatCompletions, ModelEndpoint
from app.services.briefs.generators.template_generator import TemplateGenerator
from app.services.briefs.jobs import BriefJobs
from app.services.briefs.ledger import WORKER, BriefLedger
from app.services.briefs.ownership import BriefOwners
from app.services.briefs.requests import BriefBounds, BriefRequests, GeneratorNames
from app.services.briefs.runner import BriefRunner, RunnerLimits
from app.services.briefs.silence.listening import Listening
from app.services.briefs.silence.silent_briefs import SilentBriefs
from app.services.briefs.workers import BriefWorkers, WorkerParts
from app.services.document_access import DocumentAccess
from app.services.relationships.brief_facts import HealthSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.builders.stores import Stores
    from app.configuration.settings import ChatSettings
    from app.core.briefs.facts import EntityFacts
    from app.core.briefs.job import BriefJob
    from app.core.instant import Instant
    from app.journal.writer import Journal
    from app.services.briefs.generators.chat.chat_generator import PromptRecord
    from app.services.briefs.generators.port import Generator
    from app.services.channel_admin import ChannelAdmin
    from app.services.commitments.registry import CommitmentRegistry
    from app.services.domain.task_list import TaskList
    from app.services.editing.documents import Documents
    from app.services.publisher import EventPublisher
    from app.services.relationships.health import RelationshipHealth
    from app.services.relationships.reading import RelationshipReading
    from dossier_realtime.protocol.classification import ChannelPolicy
    from dossier_realtime.recording.entry import Detail
    from dossier_realtime.recording.ops.ops_aggregator import OpsAggregator


@dataclass(frozen=True, slots=True)
class DomainKnowledge:
    """The services that know something of entities."""

    commitments: CommitmentRegistry
    tasks: TaskList
    health: RelationshipHealth
    scores: RelationshipReading


def brief_jobs(
    stores: Stores,
    publisher: EventPublisher,
    policy: ChannelPolicy,
    documents: Documents,
    channel_admin: ChannelAdmin,
    aggregator: OpsAggregator,
    known: DomainKnowledge,
    clock: Callable[[], Instant],
) -> BriefJobs:
    """Return the briefs that the configuration allows."""
    engine, settings = stores.engine, stores.config.briefs

    def now() -> float:
        return clock().wall

    # A new kind of fact is one row here.
    sources = (
        HistorySource(engine.broker),
        PresenceSource(engine.presence),
        CommitmentSource(known.commitments, publisher),
        HealthSource(known.health, known.scores),
        TaskSource(known.tasks),
    )
    generators: dict[str, Generator] = {"template": TemplateGenerator(now)}
    if settings.chat.endpoint:
        generators["chat"] = _chat(settings.chat, brief_record(stores.journal, publisher), clock)
    ledger = BriefLedger(engine.records, publisher, now, settings.silence_seconds)
    collector = FactCollector(sources, publisher)
    finisher = BriefFinisher(documents, channel_admin, publisher, stores.signer, now)
    limits = RunnerLimits(settings.concurrent, settings.silence_seconds, settings.deadline_seconds)
    owners = BriefOwners(stores.config.node.id, engine.nodes if stores.config.storage.shared else None, clock)
    runner = BriefRunner(ledger, generators, collector, finisher, limits, lambda: clock().steady, owners)
    parts = WorkerParts(runner, collector, finisher, publisher)
    listening = Listening(clock, lambda: engine.healthy() and stores.journal.healthy, settings.silence_seconds)
    workers = BriefWorkers(ledger, parts, settings.silence_seconds, clock, listening)
    silent = SilentBriefs(engine.briefs, publisher, aggregator, settings.silence_seconds, listening)
    names = GeneratorNames(frozenset({*generators, WORKER}), settings.generator)
    bounds = BriefBounds(settings.queue, settings.queue_per_user)
    requests = BriefRequests(ledger, publisher, DocumentAccess(engine.broker, policy), runner, names, bounds)
    return BriefJobs(ledger, requests, runner, workers, silent)


def _chat(settings: ChatSettings, record: PromptRecord, clock: Callable[[], Instant]) -> ChatGenerator:
    """Return the generator by the configured model."""
    endpoint = ModelEndpoint(
        settings.endpoint,
        settings.model,
        token_secrets.api_key(settings.api_key, settings.api_key_file),
        settings.silence_seconds,
        settings.max_tokens,
        settings.temperature,
    )
    circuit = CircuitBreaker(settings.circuit_failures, settings.circuit_seconds)
    return ChatGenerator(ChatCompletions(endpoint), circuit, settings.attempts, record, clock)


def brief_record(journal: Journal, publisher: EventPublisher) -> PromptRecord:
    """Return the record of what a model sees and writes: entries of the journal, of the highest level of the facts."""

    def record(job: BriefJob, facts: EntityFacts, model: str, part: str, text: str) -> None:
        level = publisher.derived((job.channel, *facts.channels)).level.label
        detail: Detail = {"request_id": job.request_id, "model": model, "part": part, "facts": facts.channels}
        frame = msgspec.json.encode({"text": text})
        journal.record(
            "generated", channel=job.channel, level=level, user=job.requester.user_id, detail=detail, frame=frame
        )

    return record
