"""The choices of an engine that many processes share."""

from __future__ import annotations

from dataclasses import dataclass, field

from dossier_realtime.protocol.fields import Durability


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The name of this node among those that share the engine, and how the shared store is used.

    `prefix` begins every key. `durability`: what has happened to a commit before its publisher is answered: it is in
    the server's memory, in its file on the disk (the server syncs each write), or at `replicas` replicas too.
    `user` and `password` take the place of those in the address; `ca_file` holds the authorities that certificates of
    the server are checked against.
    """

    node: str = "node"
    prefix: str = "dossier"
    durability: Durability = "memory"
    replicas: int = 1
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    finds_durability: bool = False
    """True where the durability is found and not claimed: fsync where the server syncs each write, else memory."""
    instance: str = ""
    """The name of this node's data folder, by which two nodes of one name are told apart; "": they are not."""


DEFAULT_OPTIONS = EngineOptions()
