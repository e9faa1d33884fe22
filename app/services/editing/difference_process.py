"""A process that finds one difference: `[old, new]` on standard input, hunks on standard output, as JSON."""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from dossier_realtime.ot.difference import hunks
from dossier_realtime.ot.units import to_units

_MAX_CPU_SECONDS = 20  # a process whose service is gone ends by itself
_MAX_MEMORY_BYTES = 1 << 30


def main() -> None:
    """Read two texts, find their difference, write it."""
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    os.nice(5)
    old, new = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, str])
    sys.stdout.buffer.write(msgspec.json.encode(hunks(to_units(old), to_units(new))))


if __name__ == "__main__":
    main()
