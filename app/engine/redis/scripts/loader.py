"""Loading and calling the scripts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError

from app.engine.redis.connection import Argument, Client, asked, execute


class Script(NamedTuple):
    """The text of a script and the digest by which the server knows it."""

    name: str
    text: str
    digest: str

    def call(self, keys: Sequence[str], arguments: Sequence[Argument]) -> tuple[Argument, ...]:
        """Return the command that runs the script, if the server has it: the script cache is lost with a restart."""
        return ("EVALSHA", self.digest, len(keys), *keys, *arguments)

    def load(self, keys: Sequence[str], arguments: Sequence[Argument]) -> tuple[Argument, ...]:
        """Return the command that runs the script and leaves it with the server."""
        return ("EVAL", self.text, len(keys), *keys, *arguments)


@cache
def script(name: str) -> Script:
    """Return the script in the file `name.lua`."""
    text = Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")
    return Script(name, text, sha1(text.encode(), usedforsecurity=False).hexdigest())


async def run(client: Client, name: str, keys: Sequence[str], *arguments: Argument) -> Any:
    """Run a script and return its reply. Raises Unavailable."""
    return await asked(_run(client, script(name), keys, arguments))


async def _run(client: Client, wanted: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
    try:
        return await execute(client, *wanted.call(keys, arguments))
    except NoScriptError:
        return await execute(client, *wanted.load(keys, arguments))
