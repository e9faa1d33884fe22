"""The command `move`: all that the event store keeps, from one engine to another."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.engine.build import open_rows
from app.engine.moving.move import move
from app.engine.options import EngineOptions
from app.engine.ports.errors import EngineError, Unavailable
from app.security import token_secrets

if TYPE_CHECKING:
    from app.configuration.config import Config


def run(config: Config, asked: argparse.Namespace) -> int:
    """Move the store. Raises ValueError where it cannot be moved."""
    data, storage = Path(config.storage.data), config.storage
    options = EngineOptions(
        prefix=asked.prefix or storage.redis_prefix,
        user=storage.redis_user,
        password=token_secrets.redis_password(storage.redis_password, storage.redis_password_file),
        ca_file=storage.redis_ca_file,
    )
    if asked.source == asked.to:
        raise ValueError("the store is there already: name another engine with --to")
    try:
        source, target = (open_rows(setting, data, _as_named(setting, options)) for setting in (asked.source, asked.to))
        moved = asyncio.run(move(source, target))
    except (EngineError, Unavailable) as refused:
        raise ValueError(str(refused)) from refused
    print(f"moved to {target.name}: " + ", ".join(f"{n} {kind}" for kind, n in moved.counts.items()))
    print(f"  both stores have the digest {moved.digest}")
    print(f'  set storage.engine to "{target.name}"; the old store is as it was, and must not be used on')
    return 0


def _as_named(setting: str, options: EngineOptions) -> EngineOptions:
    """Return the options with which an address is reached: whom it names itself goes before the configuration."""
    named = "@" in setting.partition("://")[2]
    return replace(options, user="", password="") if named else options


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the command with its options."""
    moving = commands.add_parser("move", parents=[common], help="move the event store to another engine")
    moving.add_argument("--from", dest="source", required=True, help="embedded, or an address of Redis")
    moving.add_argument("--to", required=True, help="likewise; it holds no store yet")
    moving.add_argument("--prefix", default="", help="the prefix of keys in Redis, by default storage.redis_prefix")
