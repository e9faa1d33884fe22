"""The process that looks for one difference: `[old, new]` on standard input, hunks on standard output, as JSON."""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from dossier_realtime.ot.difference import hunks
from dossier_realtime.ot.units import to_units

_CPU_SECONDS = 5  # if nobody is left to end it
_MEMORY = 1 << 30


def main() -> None:
    """Read, look, write."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    os.nice(5)
    old, new = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, str])
    sys.stdout.buffer.write(msgspec.json.encode(hunks(to_units(old), to_units(new))))


if __name__ == "__main__":
    main()
