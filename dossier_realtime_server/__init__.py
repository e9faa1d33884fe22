"""The `dossier-realtime` command, and the dashboard's names for notebooks: in a checkout and installed from its wheel.

    from dossier_realtime_server import Player  # likewise Dashboard and svg_charts

The wheel keeps the server's packages (`app`, `dashboard`, `demo`) and its settings (`config`) in this folder. `app`,
`demo` and `config` are found only by the command: a program that uses the SDK may have an `app` of its own. The first
use of a name of the dashboard makes `dashboard` importable too.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Dashboard", "Player", "home", "main", "svg_charts"]  # three are imported when they are used

COMMAND = "dossier-realtime"
_MISSING = 2  # exit status of a command that could not begin
_OWN = ("app", "dashboard", "demo", "dossier_realtime", "dossier_realtime_server")
_NOTEBOOK_NAMES = frozenset({"Dashboard", "Player", "svg_charts"})
_OF_DASHBOARD = frozenset({"bokeh", "jinja2", "pandas", "panel"})  # packages that the extra `server` does not bring
_HERE = Path(__file__).parent


def __getattr__(name: str) -> Any:
    """Import a name of the dashboard at its first use.

    Raises ImportError where a package that it needs is not installed, or the program has a `dashboard` of its own.
    """
    if name in _NOTEBOOK_NAMES:
        return getattr(_dashboard(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _dashboard() -> ModuleType:
    """Return the package `dashboard` of this installation, without `app` and `demo` beside it on the path."""
    file = home() / "dashboard" / "__init__.py"
    loaded = sys.modules.get("dashboard")
    if loaded is None:
        spec = spec_from_file_location("dashboard", file, submodule_search_locations=[str(file.parent)])
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} cannot be loaded: install dossier-realtime anew")
        loaded = sys.modules["dashboard"] = module_from_spec(spec)
        spec.loader.exec_module(loaded)
    elif loaded.__file__ is None or Path(loaded.__file__).resolve() != file.resolve():
        raise ImportError(
            f"this program has imported a module named dashboard ({loaded.__file__}), and that of {COMMAND} bears the "
            "same name: import it in another process, or rename yours"
        )
    return loaded


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
            f"dossier: the package {package} is not installed: "
            + (
                "the dashboard needs dossier-realtime[dashboard]"
                if package in _OF_DASHBOARD
                else "install dossier-realtime[server], or dossier-realtime[dashboard] for the dashboard too"
            ),
            file=sys.stderr,
        )
        return _MISSING
    return status
