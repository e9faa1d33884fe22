"""Write the files that are made from the message types: `python -m tools.generate`, or `--check` to change nothing.

With `--check`, stale files are named and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema, struct_definitions
from app.core.schema.messages import messages
from app.core.schema.openapi import openapi

from . import reference, typescript, typescript_forms

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "tests" / "contract" / "examples"


class MissingExample(Exception):
    """A message has no example; the text says which file to write."""


def examples() -> dict[str, list[Any]]:
    """Return the example payloads of each message by its name: `<type>.json`, then any `<type>.<case>.json`."""
    found: dict[str, list[Any]] = {}
    for message in messages():
        folder = EXAMPLES / message.direction
        first = folder / f"{message.type}.json"
        if not first.is_file():
            raise MissingExample(f"{message.name} has no example: write {first.relative_to(ROOT)}")
        files = [first, *sorted(folder.glob(f"{message.type}.*.json"))]
        found[message.name] = [json.loads(file.read_text("utf-8")) for file in files]
    return found


def outputs() -> dict[str, str]:
    """Return each generated file as it should be, by its path in the repository."""
    given = examples()
    settings = (ROOT / "config" / "default.toml").read_text("utf-8")
    return {
        "docs/schema.json": json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n",
        "docs/asyncapi.yaml": _yaml(asyncapi(given)),
        "docs/openapi.yaml": _yaml(openapi()),
        "sdk/typescript/src/protocol.ts": typescript.protocol(),
        "sdk/typescript/src/client/forms.ts": typescript_forms.forms(),
        "sdk/typescript/src/documents/cursor_colors.ts": typescript.cursor_colors(),
        "docs/messages.md": reference.page(struct_definitions(), given, settings),
    }


def _yaml(document: dict[str, Any]) -> str:
    unshared = json.loads(json.dumps(document))  # what stands twice is written twice, not as an alias
    return str(yaml.safe_dump(unshared, sort_keys=False, allow_unicode=True, width=110))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the generated files; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is stale")
    check = parser.parse_args(arguments).check
    try:
        wanted = outputs()
    except MissingExample as missing:
        print(missing, file=sys.stderr)
        return 1
    stale = {path: text for path, text in wanted.items() if not _is(ROOT / path, text)}
    if check:
        for path in stale:
            print(f"{path} is stale: run `make generate` and commit it", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, "utf-8")
        print(f"wrote {path}")
    return 0


def _is(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
