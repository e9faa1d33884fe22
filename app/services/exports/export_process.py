"""A process that writes one file: an `ExportJob` as JSON on standard input, the file on standard output."""

from __future__ import annotations

import os
import resource
import sys

import msgspec

from .job import ExportJob

_MAX_CPU_SECONDS = 60  # a process whose service is gone ends by itself
_MAX_MEMORY_BYTES = 2 << 30


def main() -> None:
    """Read the job, write the file."""
    resource.setrlimit(resource.RLIMIT_CPU, (_MAX_CPU_SECONDS, _MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    os.nice(5)
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=ExportJob)
    sys.stdout.buffer.write(job.made())


if __name__ == "__main__":
    main()
