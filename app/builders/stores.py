"""Opening the stores of a service: the engine, the journal and the key that signs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

import dossier_realtime
from app.configuration.limits import rate_limits
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.journal.node_name import folder_id, kept_name
from app.journal.signatures.signing import Signer, key_place, named_key, open_signer
from app.journal.writer import Journal
from app.security import token_secrets

if TYPE_CHECKING:
    from app.configuration.config import Config
    from app.core.instant import Instant
    from app.engine.ports.engine import Engine


@dataclass(frozen=True, slots=True)
class Stores:
    """The open stores. `config` is the configuration with the name that the node has."""

    config: Config
    engine: Engine
    journal: Journal
    signer: Signer

    async def close(self) -> None:
        """Close them, where no service was made of them."""
        try:
            await self.engine.close()
        finally:
            self.journal.close()


async def open_stores(config: Config, clock: Callable[[], Instant]) -> Stores:
    """Open the engine and the journal that the configuration names. Raises EngineError and JournalError."""
    data = Path(config.storage.data)
    limits, rates = _engine_limits(config), rate_limits(config)
    if config.storage.shared:  # a node is known by its name there; alone, the open store keeps others from the folder
        config = _named(config)
    options = _engine_options(config)
    engine: Engine | None = None
    journal = None
    try:
        engine = await open_engine(
            config.storage.engine, data, limits=limits, rates=rates, clock=clock, options=options
        )
        config = _named(config)
        signer = open_signer(data, key_place(config.journal), named_key(data / "journal", config.node.id))
        journal = _open_journal(config, data / "journal", signer)
        if engine.last_commit < journal.last_commit and not engine.moved:
            # The store is older than the journal: it was restored. It is opened again as such, with new epochs.
            closing, engine = engine, None  # a second end of it would be one too many
            await closing.close()
            recorded = journal.last_commit
            engine = await open_engine(
                config.storage.engine,
                data,
                limits=limits,
                rates=rates,
                clock=clock,
                recorded=recorded,
                options=options,
            )
    except BaseException:
        if engine is not None:
            await engine.close()
        if journal is not None:
            journal.close()
        raise
    return Stores(config, engine, journal, signer)


def _named(config: Config) -> Config:
    """Return the configuration with the name that the node has, made where it has none."""
    name = config.node.id or kept_name(Path(config.storage.data))
    return structs.replace(config, node=structs.replace(config.node, id=name))


def _engine_options(config: Config) -> EngineOptions:
    storage = config.storage
    found = storage.durability == "auto"
    return EngineOptions(
        node=config.node.id or "node",
        prefix=storage.redis_prefix,
        durability="memory" if storage.durability == "auto" else storage.durability,
        replicas=storage.replicas,
        finds_durability=found,
        user=storage.redis_user,
        password=token_secrets.redis_password(storage.redis_password, storage.redis_password_file),
        ca_file=storage.redis_ca_file,
        instance=folder_id(Path(storage.data)) if storage.shared else "",
    )


def _open_journal(config: Config, folder: Path, signer: Signer) -> Journal:
    about = {"node": config.node.id, "version": dossier_realtime.__version__, "pid": str(os.getpid())}
    return Journal(
        folder,
        config.node.id,
        about=about | {"key": signer.fingerprint},
        segment_bytes=config.journal.segment_mib << 20,
        sync_seconds=config.journal.fsync_seconds,
    )


def _engine_limits(config: Config) -> EngineLimits:
    return EngineLimits(
        history_events=config.history.events,
        history_seconds=config.history.seconds,
        document_bytes=config.history.document_mib << 20,
        idempotency_seconds=config.history.idempotency_hours * 3600,
        operation_id_bytes=config.history.operation_ids_mib << 20,
        resume_seconds=config.session.resume_window,
        grace=config.presence.grace,
        roster_cap=config.presence.list_cap,
    )
