"""An online copy of the event store, as it is at one moment."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from app.engine.embedded.storage import mark

_PAGES: Final = 4_096  # copied between two looks at whether the copying goes on


def copy_store(source: Path, to: Path) -> int:
    """Copy the store while others write to it; return its last commit. The copy begins new epochs wherever it lies.

    `to` exists and is empty, with the mode that it is to keep. Raises sqlite3.Error.
    """
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(to, isolation_level=None)) as writing,
    ):
        reading.execute("BEGIN")  # one moment, however long the copying takes
        reading.execute("SELECT 1 FROM meta").fetchone()
        reading.backup(writing, pages=_PAGES)
        writing.execute("PRAGMA journal_mode=DELETE")  # one file
        mark.write(writing, mark.COPY)
        return mark.last_commit(writing)
