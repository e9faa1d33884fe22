"""The choices of an engine that many processes share."""

from __future__ import annotations

from dataclasses import dataclass

from dossier_realtime.protocol.fields import Durability


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The name of this node among those that share the engine, and how the shared store is used.

    `prefix` begins every key. `durability`: what has happened to a commit before its publisher is answered: it is in
    the server's memory, in its file on the disk (the server syncs each write), or at `replicas` replicas too.
    """

    node: str = "node"
    prefix: str = "dossier"
    durability: Durability = "memory"
    replicas: int = 1


DEFAULT_OPTIONS = EngineOptions()
