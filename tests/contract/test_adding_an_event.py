"""An event without behaviour touches three places: Struct, namespace row, example. Proved in a copy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.eventually import HANG_SECONDS

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parent.parent.parent
EVENTS = "dossier_realtime/protocol/events.py"
NAMESPACES = "dossier_realtime/protocol/namespaces.py"
CLIENT_EXAMPLE = "tests/contract/examples/client/visit_announced.json"
SERVER_EXAMPLE = "tests/contract/examples/server/visit_announced.json"
GENERATED = {
    *("docs/schema.json", "docs/asyncapi.yaml", "docs/openapi.yaml", "docs/messages.md"),
    *("sdk/typescript/src/protocol.ts", "sdk/typescript/src/client/forms.ts"),
}

STRUCT = '''class VisitAnnouncedPayload(Struct, kw_only=True):
    visitor: Line
    due_date: Date
    updated_by: StampedActor


class VisitAnnounced(Struct, tag_field="type", tag="visit_announced", omit_defaults=True, kw_only=True):
    """A delegation will come."""

    channel: ChannelField
    payload: VisitAnnouncedPayload
    offset: Count | None = None


Publishable = (
    VisitAnnounced
    |'''
SAID = (
    '{"type": "visit_announced", "channel": "dossier:country:SA", "payload": {"visitor": "W",'
    ' "due_date": "2025-10-15"}}'
)
HEARD = (
    '{"type": "visit_announced", "channel": "dossier:country:SA", "offset": 1, "payload": {"visitor": "W",'
    ' "due_date": "2025-10-15", "updated_by": {"user_id": "uuid", "name": "Jane Smith"}}}'
)

PROOF = f"""
import json
from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema
from dossier_realtime.protocol.namespaces import namespace_of
from dossier_realtime.protocol import codec, inbound

said, heard = {SAID!r}, {HEARD!r}
message = codec.decode_command(said.encode())
assert inbound.event_type(message.event) in namespace_of(message.channel).carries
inbound.stamp(message.event, "uuid", "Jane Smith", 1)
assert json.loads(codec.with_offset(codec.encode(message.event), 1)) == json.loads(heard)
assert json.loads(codec.encode(codec.decode_event(heard))) == json.loads(heard)
for wrong, path in (("2025-13-15", "$.payload.due_date"), ("2025-10-15\\", \\"x\\": \\"", "$.payload")):
    try:
        codec.decode_command(said.replace("2025-10-15", wrong).encode())
    except codec.InvalidMessage as refused:
        assert refused.path == path, refused
    else:
        raise AssertionError(wrong)
schema, document = json_schema(), asyncapi()
for name, title in (
    ("client.visit_announced", "ClientVisitAnnounced"),
    ("server.visit_announced", "ServerVisitAnnounced"),
):
    assert title in schema["$defs"]
    assert name in document["channels"]["dossier"]["messages"]
print("proven")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree as it is, without what is generated from it."""
    for folder in ("dossier_realtime", "app", "tools", "config", "tests/contract"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def _run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file.name} has another form now: adapt this test"
    file.write_text(text.replace(old, new), "utf-8")


def _texts(tree: Path) -> dict[str, str]:
    return {
        str(file.relative_to(tree)): file.read_text("utf-8")
        for file in tree.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def _is_as_before(path: str, text: str) -> bool:
    """Compare with the whole tree: some of what is generated there says nothing of messages."""
    return (ROOT / path).is_file() and (ROOT / path).read_text("utf-8") == text


def test_an_event_without_behaviour_touches_three_places(copy: Path) -> None:
    _replace(copy / EVENTS, "Publishable = (\n   ", STRUCT)
    _replace(copy / NAMESPACES, "{events.DossierUpdate}", "{events.DossierUpdate, events.VisitAnnounced}")
    (copy / CLIENT_EXAMPLE).write_text(SAID, "utf-8")
    (copy / SERVER_EXAMPLE).write_text(HEARD, "utf-8")

    generated = _run(copy, "-m", "tools.generate")
    assert generated.returncode == 0, generated.stderr
    after = _texts(copy)
    changed = {path for path in after if not _is_as_before(path, after[path])}
    assert changed == {EVENTS, NAMESPACES, CLIENT_EXAMPLE, SERVER_EXAMPLE} | GENERATED
    for path in GENERATED:
        assert "visit_announced" in after[path], path
    assert "A delegation will come." in after["docs/messages.md"]

    proof = _run(copy, "-c", PROOF)
    assert proof.stdout == "proven\n", proof.stderr


def test_the_check_names_what_is_stale_and_changes_nothing(copy: Path) -> None:
    assert _run(copy, "-m", "tools.generate").returncode == 0
    assert _run(copy, "-m", "tools.generate", "--check").returncode == 0
    (copy / "docs" / "schema.json").write_text("{}", "utf-8")
    (copy / "docs" / "messages.md").unlink()
    check = _run(copy, "-m", "tools.generate", "--check")
    assert check.returncode == 1
    assert "docs/schema.json is stale" in check.stderr
    assert "docs/messages.md is stale" in check.stderr
    assert "asyncapi" not in check.stderr
    assert not (copy / "docs" / "messages.md").exists()


def test_a_message_without_an_example_is_named(copy: Path) -> None:
    (copy / "tests/contract/examples/server/pong.json").unlink()
    generated = _run(copy, "-m", "tools.generate")
    assert generated.returncode == 1
    assert "write tests/contract/examples/server/pong.json" in generated.stderr
