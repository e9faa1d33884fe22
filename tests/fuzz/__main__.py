"""Coverage-guided fuzzing: `python -m tests.fuzz TARGET --seconds 60`.

Needs atheris (`pip install atheris`, CPython 3.11 to 3.13 on Linux), which is no part of the lock. Inputs that reach
new code are kept in build/fuzz/TARGET and are where the next run begins; an input that breaks a promise is written
beside them as crash-…, and the exit status is not 0. Make a test of it: `tests/fuzz/found/TARGET/` holds such inputs,
and the suite runs every one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

FOLDER = Path("build") / "fuzz"
PARTS = (
    "app.node.sockets.frames",
    "dossier_realtime.protocol.codec",
    "dossier_realtime.recording",
    "dossier_realtime.archive",
)
"""The modules whose coverage is measured: the code that reads bytes of strangers."""
LONGEST = 4096
"""Bytes of an input, at most."""


def main() -> int:
    """Run one target until the time is over or a promise breaks."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", help="frames, decoding, reading and others: see tests/fuzz/targets.py")
    parser.add_argument("--seconds", type=int, default=60, help="how long; 60 unless given")
    asked = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed: pip install atheris, or let pytest tests/fuzz try inputs by chance\n"
        )
        return 2
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(PARTS)):
        from tests.fuzz.targets import TARGETS
    if asked.target not in TARGETS:
        sys.stderr.write(f"there is no target {asked.target}; there are {', '.join(TARGETS)}\n")
        return 2
    target = TARGETS[asked.target]
    corpus = FOLDER / asked.target
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    options = [f"-max_total_time={asked.seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={corpus}/", "-verbosity=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target.run)
    atheris.Fuzz()  # ends the process itself
    return 0


if __name__ == "__main__":
    sys.exit(main())
