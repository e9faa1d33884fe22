"""The tree obeys its laws, and each law can be broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.architecture import fact_laws, laws, object_laws, room_laws, shape_laws, word_laws
from tests.architecture.tree import Tree, read_tree

Law = Callable[[Tree], Iterator[str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project() -> Tree:
    return read_tree(ROOT)


def test_the_tree_that_is_judged_is_the_real_one(project: Tree) -> None:
    assert {
        "app.core.sessions.session",
        "app.configuration.config",
        "dossier_realtime.protocol.codec",
        __name__,
    } <= project.keys()
    assert "dossier_realtime.protocol.commands" in project["dossier_realtime.protocol.codec"].imports


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_the_tree_obeys(law: Law, project: Tree) -> None:
    assert list(law(project)) == []


LOOP = "app/core/a.py: from . import b | app/core/b.py: from .c import x | app/core/c.py: import app.core.a"


@pytest.mark.parametrize(
    ("law", "files", "breach"),
    [
        (
            laws.imports_fall,
            "app/core/a.py: import app.web.b | app/web/b.py:",
            "app.core.a imports app.web.b",
        ),
        (
            laws.imports_fall,
            "app/services/a.py: from app.node import b | app/node/b.py:",
            "imports app.node.b",
        ),
        (laws.imports_fall, "app/services/a.py: from ..web import b | app/web/b.py:", "imports app.web.b"),
        (
            laws.imports_fall,
            "app/commands/cli.py: import app.web.a | app/web/a.py:",
            "app.commands.cli imports app.web.a",
        ),
        (
            laws.imports_fall,
            "app/web/a.py: import app.bootstrap | app/bootstrap.py:",
            "imports app.bootstrap",
        ),
        (laws.imports_fall, "demo/a.py: import app.core.b | app/core/b.py:", "demo.a imports app.core.b"),
        (
            laws.imports_fall,
            "dashboard/site/a.py: def f(): import app.core.b | app/core/b.py:",
            "dashboard.site.a imports app",
        ),
        (
            laws.imports_fall,
            "dossier_realtime/ot/a.py: import app.core.b | app/core/b.py:",
            "imports app.core.b",
        ),
        (laws.imports_fall, "app/nowhere/a.py:", "app.nowhere.a stands on no floor"),
        (laws.imports_fall, "dashboard/a.py:", "dashboard.a stands on no floor"),
        (
            laws.imports_fall,
            "dashboard/live/a.py: from dashboard.site import b | dashboard/site/b.py:",
            "dashboard.live.a imports dashboard.site.b",
        ),
        (
            laws.imports_fall,
            "dashboard/state/a.py: import dashboard.screen.b | dashboard/screen/b.py:",
            "dashboard.state.a imports dashboard.screen.b",
        ),
        (
            laws.only_builders_name_a_backend,
            "app/services/a.py: from app.engine.embedded import b | app/engine/embedded/b.py:",
            "app.services.a imports from app.engine.embedded",
        ),
        (laws.no_circles, LOOP, "app.core.a, app.core.b, app.core.c"),
        (laws.no_circles, "app/core/a.py: import app.core.a", "a circle of imports: app.core.a"),
        (laws.the_pure_stay_pure, "app/core/a.py: import asyncio", "imports asyncio"),
        (laws.the_pure_stay_pure, "app/core/a.py: from os import path", "imports os"),
        (
            laws.the_pure_stay_pure,
            "dashboard/state/store.py: import concurrent.futures",
            "imports concurrent.futures",
        ),
        (laws.the_pure_stay_pure, "app/core/a.py: def f(): from time import time", "imports time"),
        (laws.the_pure_stay_pure, "app/core/a.py: x = datetime.now()", "calls datetime.now"),
        (laws.the_pure_stay_pure, "dossier_realtime/recording/a.py: x = open('y')", "calls open"),
        (
            laws.the_pure_stay_pure,
            "dossier_realtime/client/state/backoff.py: from .. import b | dossier_realtime/client/b.py:",
            "imports dossier_realtime.client.b",
        ),
        (
            object_laws.attributes_are_made_with_their_object,
            "app/core/a.py: class A:\n def f(self): self.b = 1",
            "app.core.a.A.f sets b first",
        ),
        (laws.names_say_something, "app/web/utils.py:", "app.web.utils"),
        (
            laws.imports_fall,
            "app/web/a.py: from app.engine import ports | app/engine/ports.py:",
            "app.web.a imports app",
        ),
        (
            laws.imports_fall,
            "app/web/http/a.py: import app.node.node | app/node/node.py:",
            "app.web.http.a imports app",
        ),
        (room_laws.the_web_knows_services_only, "app/web/a.py: x = self.node.engine.broker", "app.web.a, line 1"),
        (room_laws.calls_in_tests_have_a_timeout, "tests/a.py: httpx.get('x')", "tests.a, line 1, calls httpx.get"),
        (laws.names_say_something, "app/web/frame_helpers.py:", "app.web.frame_helpers"),
        (laws.names_say_something, "app/node/a.py: class ConnectionManager: ...", "a.ConnectionManager"),
        (laws.names_say_something, "app/node/a.py: class MessageHandler: ...", "a.MessageHandler"),
        (laws.names_say_something, "app/node/a.py: class BaseNode: ...", "a.BaseNode"),
        (fact_laws.channel_names_have_one_home, "app/web/a.py: x = f'document:{y}'", "app.web.a, line 1"),
        (fact_laws.channel_names_have_one_home, "demo/a.py: x = channel.startswith('user:')", "demo.a, line 1"),
        (
            fact_laws.channel_names_have_one_home,
            "dashboard/a.py: x = one.channel.partition(':')",
            "dashboard.a, line 1",
        ),
        (
            fact_laws.channel_names_have_one_home,
            "dossier_realtime/client/a.py: x = name.split(':')[0]",
            "dossier_realtime.client.a, line 1",
        ),
        (
            fact_laws.rights_are_decided_in_one_place,
            "app/web/a.py: from dossier_realtime.protocol.authorization import decide",
            "app.web.a imports decide",
        ),
        (
            fact_laws.rights_are_decided_in_one_place,
            "dashboard/a.py: x = who.clearance >= level",
            "dashboard.a, line 1, compares a clearance",
        ),
        (
            fact_laws.levels_have_one_home,
            "app/a.py: x = ['public', 'internal', 'confidential', 'secret']",
            "app.a, line 1, lists the levels",
        ),
        (
            fact_laws.class_names_are_unique,
            "app/core/a.py: class Alert: ... | dashboard/b.py: class Alert: ...",
            "dashboard.b.Alert: app.core.a has a class of this name",
        ),
        (word_laws.docstrings_name_their_subject, "app/a.py: def f(): 'Whether it is.'", "begins with “Whether”"),
        (word_laws.docstrings_name_their_subject, "app/a.py: class A: 'What it is.'", "begins with “What”"),
        (word_laws.docstrings_name_their_subject, "app/a.py: 'Who is who.'", "begins with “Who”"),
        (word_laws.docstrings_name_their_subject, "app/a.py: X = 1; 'How many.'", "begins with “How”"),
        (word_laws.docstrings_name_their_subject, "tests/a.py: def f(): 'Where it is.'", "begins with “Where”"),
        (word_laws.retired_names_stay_retired, "app/a.py: class Conduct: ...", "the word is EffectRunner"),
        (word_laws.retired_names_stay_retired, "app/companion.py:", "app.companion uses the name companion"),
        (word_laws.retired_names_stay_retired, "app/a.py: f(except_user=1)", "the word is exclude_user"),
        (word_laws.retired_names_stay_retired, "app/a.py: x.knock(let=1)", "the word is probe"),
        (word_laws.retired_names_stay_retired, "app/a.py: from b import C as Veil", "the word is ClearanceFilter"),
        (word_laws.retired_names_stay_retired, "app/a.py: class AlertDoor: ...", "the word is AlertHandler"),
        (word_laws.retired_names_stay_retired, "app/a.py: _PATIENCE = 1", "the word is …_TIMEOUT_SECONDS"),
        (
            shape_laws.constructors_take_few_parts,
            "app/a.py: class A:\n def __init__(self, a, b, c, d, *, e, f, g, h): ...",
            "app.a.A is made of 8 parameters",
        ),
        (laws.data_is_never_code, "dashboard/a.py: from pickle import loads", "dashboard.a imports pickle"),
        (laws.data_is_never_code, "demo/a.py: frame.to_pickle(1)", "demo.a calls to_pickle"),
    ],
)
def test_a_breach_is_found_and_named(law: Law, files: str, breach: str, tmp_path: Path) -> None:
    for entry in files.split(" | "):
        name, _, code = entry.partition(":")
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code.strip() + "\n")
    (found,) = law(read_tree(tmp_path))
    assert breach in found


def test_a_file_past_the_longest_is_found(tmp_path: Path) -> None:
    file = tmp_path / "app" / "core" / "a.py"
    file.parent.mkdir(parents=True)
    file.write_text("x = 1\n" * laws.LONGEST)
    assert list(laws.files_are_short(read_tree(tmp_path))) == []
    file.write_text("x = 1\n" * (laws.LONGEST + 1))
    assert "app.core.a has 451 lines" in next(laws.files_are_short(read_tree(tmp_path)))


def test_the_typescript_package_has_no_long_file(tmp_path: Path) -> None:
    assert list(laws.typescript_files_are_short(ROOT)) == []
    package = tmp_path / "sdk" / "typescript"
    for name, lines in (("src/a.ts", 451), ("test/b.tsx", 451), ("src/protocol.ts", 900), ("node_modules/c.ts", 900)):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("x;\n" * lines)
    broken = list(laws.typescript_files_are_short(tmp_path))
    assert [each.split(",")[0] for each in broken] == ["src/a.ts has 451 lines", "test/b.tsx has 451 lines"]


def test_a_dataclass_that_needs_more_than_seven_values_is_found(tmp_path: Path) -> None:
    file = tmp_path / "app" / "a.py"
    file.parent.mkdir()
    fields = "\n".join(f"    field_{number}: int" for number in range(8))
    file.write_text(f"@dataclass\nclass A:\n{fields}\n")
    (found,) = shape_laws.constructors_take_few_parts(read_tree(tmp_path))
    assert "app.a.A is made of 8 parameters" in found
    for allowed in (f"@dataclass(frozen=True)\nclass A:\n{fields}\n", f"@dataclass\nclass A:\n{fields} = 0\n"):
        file.write_text(allowed)
        assert list(shape_laws.constructors_take_few_parts(read_tree(tmp_path))) == []


def test_a_folder_of_more_than_twelve_modules_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "app" / "core"
    (folder / "sub").mkdir(parents=True)
    names = [f"module_{number}.py" for number in range(12)]
    for name in (*names, "__init__.py", "test_a.py", "sub/__init__.py", "sub/a.py"):
        (folder / name).write_text("")
    assert list(shape_laws.folders_are_small(read_tree(tmp_path))) == []
    (folder / "one_more.py").write_text("")
    (found,) = shape_laws.folders_are_small(read_tree(tmp_path))
    assert "app.core holds 13 modules" in found


def test_what_falls_as_it_should_is_no_breach(tmp_path: Path) -> None:
    for name, code in (
        ("dossier_realtime/protocol/events.py", "from math import inf"),
        ("app/core/sessions/session.py", "from dossier_realtime.protocol import events"),
        ("app/engine/embedded/log.py", "import sqlite3"),
        ("app/web/socket.py", "from app.core.sessions.session import x\nimport tornado.web\nclass SocketHandler: ..."),
        ("app/bootstrap.py", "from app.engine.embedded import log\nfrom app.web import socket"),
        ("tests/web/test_socket.py", "import app.web.socket"),
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    tree = read_tree(tmp_path)
    assert [breach for law in laws.LAWS for breach in law(tree)] == []
