"""The laws of the tree, each a function that names every breach: where it is, and what to do.

Protocol says, core decides, engine shares, services know the domain, node delivers, web lets in, journal
remembers, dashboard watches: imports fall only downwards.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture import fact_laws, object_laws, room_laws, shape_laws, word_laws
from tests.architecture.tree import Module, Tree, is_within

PROTOCOL, OT = "dossier_realtime.protocol", "dossier_realtime.ot"
RECORDING, CLIENT = "dossier_realtime.recording", "dossier_realtime.client"
ARCHIVE = "dossier_realtime.archive"
RICH_TEXT = "dossier_realtime.rich_text"
CONTRACT = {PROTOCOL, OT, RECORDING, RICH_TEXT}
CONFIGURATION = {
    "app.configuration",
    "app.configuration.relationship_settings",
    "app.configuration.storage_settings",
    "app.security",
}

_CORE = CONTRACT | {"app.core"}
_ENGINE = _CORE | {"app.configuration.settings", "app.configuration.storage_settings", "app.telemetry"}
_SERVICES = _ENGINE | {"app.engine", "app.journal", ARCHIVE}
_NODE = _SERVICES | CONFIGURATION | {"app.services"}
# The budget of a turn of the loop, which whoever does work on it shares.
_TURNS = "app.node.sockets.turns"
_WEB = _SERVICES - {"app.engine"} | CONFIGURATION | {"app.services", _TURNS}
_ALL = _NODE | {"app.node", _TURNS, "app.web", "app.web.websocket"}
_COMMANDS = _ENGINE | CONFIGURATION | {"app.engine", "app.journal", ARCHIVE, "dossier_realtime"}
_DASHBOARD = {"dashboard.language", "dashboard.state", "dashboard.screen"}

FLOORS: dict[str, set[str]] = {
    "dossier_realtime": CONTRACT | {CLIENT, ARCHIVE},
    "dossier_realtime_server": set(),  # finds app.commands.cli and dashboard when used: elsewhere in an installed wheel
    PROTOCOL: set(),
    OT: {PROTOCOL},
    RICH_TEXT: {PROTOCOL, OT},
    RECORDING: {PROTOCOL, OT, RICH_TEXT},
    CLIENT: {PROTOCOL, OT},
    ARCHIVE: {RECORDING, PROTOCOL},
    "app": set(),
    "app.core": CONTRACT,
    "app.security": CONTRACT,
    "app.configuration": _CORE | CONFIGURATION | {"app.configuration.settings"},
    "app.configuration.settings": {PROTOCOL} | CONFIGURATION - {"app.configuration"},
    "app.configuration.relationship_settings": set(),
    "app.configuration.storage_settings": set(),
    "app.telemetry": _CORE | {"app.configuration.settings"},
    "app.engine": _ENGINE,
    "app.journal": _ENGINE | {ARCHIVE},
    "app.services": _SERVICES,
    "app.node": _NODE | {_TURNS},
    _TURNS: set(),
    "app.web": _WEB | {"app.web.websocket"},
    "app.web.websocket": {"app.node", _TURNS, "app.web", PROTOCOL},  # no other part of the web knows the node
    "app.builders": _ALL | {"dossier_realtime"},
    "app.lifecycle": _ALL,
    "app.bootstrap": _ALL | {"app.builders", "app.lifecycle"},
    "app.commands": _COMMANDS,
    "app.commands.dashboard": _COMMANDS | {"app.commands", "dashboard.site"},
    "app.commands.beside": _COMMANDS | {"app.commands", "app.commands.dashboard", "app.lifecycle"},
    "app.commands.serve": _COMMANDS
    | {"app.commands", "app.commands.beside", "app.commands.dashboard", "app.bootstrap"},
    "app.commands.cli": _COMMANDS | {"app.commands", "app.commands.dashboard", "app.commands.serve", "demo"},
    "run": {"app.commands.cli"},
    "dashboard": {"dashboard.notebook", "dashboard.playback"},
    "dashboard.language": {PROTOCOL},
    "dashboard.state": CONTRACT | {CLIENT},
    "dashboard.screen": CONTRACT | {"dashboard.language", "dashboard.state"},
    "dashboard.live": CONTRACT | {CLIENT, ARCHIVE, "dossier_realtime"} | _DASHBOARD,
    "dashboard.playback": CONTRACT | {CLIENT, ARCHIVE, "dossier_realtime"} | _DASHBOARD,
    "dashboard.site": CONTRACT | {CLIENT, "dossier_realtime"} | _DASHBOARD | {"dashboard.live", "dashboard.playback"},
    "dashboard.notebook": CONTRACT | _DASHBOARD | {"dashboard.live", "dashboard.playback", "dashboard.site"},
    "demo": CONTRACT | {CLIENT, "dossier_realtime"},
    "benchmarks": CONTRACT | {CLIENT, ARCHIVE, "app.core", "app.journal", "app.node", _TURNS, "dossier_realtime"},
    "tools": _CORE,
}
"""Each floor, and the floors that it may import besides itself. Add a new one here."""

BACKENDS = ("app.engine.embedded", "app.engine.redis")
BUILDERS = ("app.engine.build", "app.bootstrap")

PURE = (
    PROTOCOL,
    OT,
    RICH_TEXT,
    RECORDING,
    "app.core",
    "dashboard.state",
    *(f"dashboard.language.{name}" for name in ("i18n", "translations")),
    *(f"dashboard.screen.{name}" for name in ("blocks", "view_model", "listing", "viewer", "pane", "panes", "details")),
    *(f"dashboard.screen.{name}" for name in ("service_strip", "country_tiles")),
    *(f"dashboard.playback.{name}" for name in ("replay", "player_data", "timeline_marks")),
    *(f"dashboard.playback.{name}" for name in ("document_text", "paired_texts")),
    f"{CLIENT}.state",
    f"{CLIENT}.errors",
)
WORLD = {
    *(
        "asyncio",
        "tornado",
        "redis",
        "sqlite3",
        "time",
        "random",
        "os",
        "socket",
        "threading",
        "uuid",
        "secrets",
    ),
    *("ssl", "select", "selectors", "signal", "subprocess", "multiprocessing", "concurrent", "queue", "http"),
    *("urllib.request", "tempfile", "shutil", "logging", "structlog", "prometheus_client"),
}
"""Modules that a pure module must not import: time, chance, input, output."""

UNPICKLE = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}

LONGEST = 450
VAGUE_FILE = re.compile(r"(.*_)?(utils?|helpers?|managers?|misc|common)")
VAGUE_CLASS = re.compile(r"Base[A-Z].*|.*(Utils?|Helpers?|Managers?|Data)")


def floor_of(name: str) -> str | None:
    """Return the floor that a module stands on; None when FLOORS gives it none."""
    fitting = [place for place in FLOORS if is_within(name, place)]
    floor = max(fitting, key=len, default=None)
    return None if floor in ("app", "dashboard", "dossier_realtime") and name != floor else floor


def imports_fall(tree: Tree) -> Iterator[str]:
    for module in _own(tree):
        floor = floor_of(module.name)
        if floor is None:
            yield f"{module.name} stands on no floor: move it to one, or give it its place in FLOORS"
            continue
        for imported in sorted(module.imports & tree.keys()):
            below = floor_of(imported)
            if below != floor and below not in FLOORS[floor]:
                yield f"{module.name} imports {imported}: {floor} may not; pass in what it needs"


def only_builders_name_a_backend(tree: Tree) -> Iterator[str]:
    for module in _own(tree):
        for backend in BACKENDS:
            if not module.within(backend, *BUILDERS) and any(is_within(name, backend) for name in module.imports):
                yield f"{module.name} imports from {backend}: import from app.engine.ports, and let bootstrap build"


def no_circles(tree: Tree) -> Iterator[str]:
    """Tarjan's strongly connected components of more than one module."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> Iterator[str]:
        index[name] = low[name] = len(index)
        stack.append(name)
        for imported in sorted(tree[name].imports & tree.keys()):
            if imported not in index:
                yield from visit(imported)
                low[name] = min(low[name], low[imported])
            elif imported in stack:
                low[name] = min(low[name], index[imported])
        if low[name] == index[name]:
            circle = stack[stack.index(name) :]
            del stack[-len(circle) :]
            if len(circle) > 1 or name in tree[name].imports:
                yield f"a circle of imports: {', '.join(sorted(circle))}; move what they share below them"

    for name in tree:
        if name not in index:
            yield from visit(name)


def the_pure_stay_pure(tree: Tree) -> Iterator[str]:
    for module in tree.values():
        if not module.within(*PURE):
            continue
        for imported in sorted(module.imports):
            outside = any(is_within(imported, place) for place in WORLD)
            impure = imported in tree and not tree[imported].within(*PURE)
            if outside or impure:
                yield f"{module.name} is pure but imports {imported}: take it as an argument"
        for call in _impure_calls(module.tree):
            yield f"{module.name} is pure but calls {call}: take its result as an argument"


def typescript_files_are_short(root: Path) -> Iterator[str]:
    """Yield each long file of the TypeScript package; its protocol is generated as one file, and may be long."""
    package = root / "sdk" / "typescript"
    rooms = [room for room in package.iterdir() if room.is_dir() and room.name not in ("node_modules", "dist")]
    for file in sorted([*package.glob("*.ts"), *(file for room in rooms for file in room.rglob("*.ts*"))]):
        inside = file.relative_to(package)
        if inside.as_posix() == "src/protocol.ts" or file.suffix not in (".ts", ".tsx"):
            continue
        lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines > LONGEST:
            yield f"{inside.as_posix()} has {lines} lines, more than {LONGEST}: divide it by what it is about"


def files_are_short(tree: Tree) -> Iterator[str]:
    for module in tree.values():
        lines = module.text.count("\n")
        if lines > LONGEST:
            yield f"{module.name} has {lines} lines, more than {LONGEST}: divide it by what it is about"


def names_say_something(tree: Tree) -> Iterator[str]:
    for module in tree.values():
        if VAGUE_FILE.fullmatch(module.name.rpartition(".")[2]):
            yield f"{module.name}: name the file after what is in it"
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.ClassDef):
                continue
            stray_handler = node.name.endswith("Handler") and not module.within("app.web", "dashboard", "tests")
            if VAGUE_CLASS.fullmatch(node.name) or stray_handler:
                yield f"{module.name}.{node.name}: name the class after what it stands for"


def data_is_never_code(tree: Tree) -> Iterator[str]:
    """Unpickling runs code of the file's author: recordings and caches are JSON, Parquet or Arrow."""
    for module in tree.values():
        for imported in sorted(module.imports):
            if any(is_within(imported, place) for place in UNPICKLE):
                yield f"{module.name} imports {imported}: read and write JSON instead"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("read_pickle", "to_pickle"):
                yield f"{module.name} calls {node.attr}: read and write JSON instead"


LAWS = (
    imports_fall,
    only_builders_name_a_backend,
    no_circles,
    the_pure_stay_pure,
    files_are_short,
    names_say_something,
    data_is_never_code,
    *fact_laws.LAWS,
    *word_laws.LAWS,
    *object_laws.LAWS,
    *shape_laws.LAWS,
    *room_laws.LAWS,
)


def _own(tree: Tree) -> Iterator[Module]:
    """Return the modules that have floors: tests may import any module that they test."""
    return (module for module in tree.values() if not module.within("tests"))


def _impure_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="open" | "print" | "input" as name)):
                yield name
            case ast.Call(func=ast.Attribute(attr="now" | "utcnow" | "today" as name, value=owner)):
                if ast.unparse(owner) in ("datetime", "date", "datetime.datetime", "datetime.date"):
                    yield f"{ast.unparse(owner)}.{name}"
            case ast.Call(func=ast.Attribute(attr=("read_text" | "read_bytes" | "write_text" | "write_bytes") as name)):
                yield name
            case _:
                pass
