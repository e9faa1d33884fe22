"""The `dossier-realtime` command: what `run.py` is in a checkout, for a server that was installed from its wheel.

The wheel keeps the server's packages (`app`, `dashboard`, `demo`) and its settings (`config`) in this folder. They are
found only by this command: a program that uses the SDK may have an `app` of its own.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

COMMAND = "dossier-realtime"
_MISSING = 2  # exit status of a command that could not begin
_OWN = ("app", "dashboard", "demo", "dossier_realtime", "dossier_realtime_server")
_HERE = Path(__file__).parent


def home() -> Path:
    """Return the folder that holds `app`, `dashboard`, `demo` and `config`: this one, or that of the checkout."""
    return _HERE if (_HERE / "app").is_dir() else _HERE.parent


def main() -> int:
    """Run one command of the command line; return its exit status."""
    sys.path.insert(0, str(home()))
    try:
        status: int = import_module("app.commands.cli").main(sys.argv[1:], COMMAND)
    except ModuleNotFoundError as missing:
        package = (missing.name or "").partition(".")[0]
        if package in _OWN:
            raise  # a part of the wheel itself: the traceback says which
        print(  # noqa: T201  to a person on a terminal
            f"dossier: the package {package} is not installed: install dossier-realtime[server], "
            "or dossier-realtime[dashboard] for the dashboard too",
            file=sys.stderr,
        )
        return _MISSING
    return status
