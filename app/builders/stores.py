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
from app.journal.node_name import kept_name
from app.journal.signatures.signing import Signer, key_place, named_key, open_signer
from app.journal.writer import Journal

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


async def open_stores(config: Config, clock: Callable[[], Instant]) -> Stores:
    """Open the engine and the journal that the configuration names. Raises EngineError and JournalError."""
    data = Path(config.storage.data)
    limits, rates = _engine_limits(config), rate_limits(config)
    engine = await open_engine(config.storage.engine, data, limits=limits, rates=rates, clock=clock)
    journal = None
    try:
        node = config.node.id or kept_name(data)
        config = structs.replace(config, node=structs.replace(config.node, id=node))
        signer = open_signer(data, key_place(config.journal), named_key(data / "journal", node))
        journal = _open_journal(config, data / "journal", signer)
        if engine.last_commit < journal.last_commit and not engine.moved:
            # The store is older than the journal: it was restored. It is opened again as such, with new epochs.
            await engine.close()
            recorded = journal.last_commit
            engine = await open_engine(
                config.storage.engine, data, limits=limits, rates=rates, clock=clock, recorded=recorded
            )
    except BaseException:
        await engine.close()
        if journal is not None:
            journal.close()
        raise
    return Stores(config, engine, journal, signer)


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
