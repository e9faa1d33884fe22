"""Breaches that are known and on their way out, by law: places whose modules may still break it."""

from __future__ import annotations

AWAITED: dict[str, tuple[str, ...]] = {
    "docstrings_name_their_subject": (
        *("app.bootstrap", "app.commands", "app.configuration", "app.core", "app.engine", "app.journal"),
        *("app.security", "app.services", "app.telemetry", "app.web", "benchmarks", "demo"),
        *("dossier_realtime.archive", "dossier_realtime.client", "dossier_realtime.ot", "dossier_realtime.protocol"),
        *("dossier_realtime.recording", "tests"),
    ),
    "retired_names_stay_retired": (
        *("app.commands.cli", "demo", "dossier_realtime.archive"),
        *("dossier_realtime.protocol.codec",),
    ),
}


def is_awaited(law: str, breach: str) -> bool:
    """Return whether a place of `AWAITED` holds the module that a breach begins with."""
    return any(breach.partition(" ")[0].startswith(place) for place in AWAITED.get(law, ()))
