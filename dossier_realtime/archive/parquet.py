"""An export as a Parquet file, by duckdb (an extra): a stream through a file beside it, whatever its size."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dossier_realtime.recording.entry import decode_entry

from .export import ExportSource
from .keys import ExportError

_NAMES = (
    *("seq", "at", "kind", "session", "user", "channel", "offset", "epoch", "level", "rule", "audience"),
    *("except_user", "besides", "receivers", "detail", "frame"),
)
_FIELDS = {"except_user": "exclude_user", "besides": "exclude_connection"}  # columns keep the keys of the journal
_NUMBERS = ("seq", "at", "offset", "receivers")


def write_parquet(export: Path, to: Path) -> None:
    """Write the entries of an export as columns; `detail` and `frame` as text, `at` in UTC.

    Raises ExportError where duckdb is not installed, or the file is no export.
    """
    try:
        import duckdb  # noqa: PLC0415  an extra: only this function needs it
    except ImportError as missing:
        raise ExportError("Parquet needs duckdb: install it with `pip install duckdb`") from missing
    rows = to.with_name(to.name + ".rows")
    try:
        with rows.open("wb") as file:
            for _, line in ExportSource(export).lines():
                header, frame, _ = decode_entry(line)
                row = {
                    name: getattr(header, _FIELDS.get(name, name))
                    for name in _NAMES
                    if name not in ("at", "detail", "frame")
                }
                row["at"] = round(header.at * 1_000_000)
                row["detail"] = msgspec.json.encode(header.detail).decode() if header.detail else None
                row["frame"] = None if frame is None else frame.decode("utf-8", "replace")
                file.write(msgspec.json.encode(row) + b"\n")
        typed = ", ".join(f"'{name}': '{'BIGINT' if name in _NUMBERS else 'VARCHAR'}'" for name in _NAMES)
        shown = ", ".join('make_timestamp("at") AS "at"' if name == "at" else f'"{name}"' for name in _NAMES)
        with duckdb.connect() as db:
            source = f"read_json({_text(rows)}, format='newline_delimited', columns={{{typed}}})"
            db.execute(f"COPY (SELECT {shown} FROM {source}) TO {_text(to)} (FORMAT parquet)")  # noqa: S608  quoted
    finally:
        rows.unlink(missing_ok=True)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
