"""The AsyncAPI document against the reference parser, run by Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.core.schema.asyncapi import asyncapi
from app.core.schema.json_schema import json_schema
from app.core.schema.messages import messages
from tests.harness.eventually import HANG_SECONDS
from tools import generate

pytestmark = pytest.mark.long

NODE = Path(__file__).parent.parent / "node"


def _validate(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    if not (NODE / "node_modules" / "@asyncapi" / "parser").is_dir():
        pytest.fail("The AsyncAPI parser is not installed: run `make test`, which installs it into tests/node")
    file = tmp_path / "asyncapi.yaml"
    file.write_text(text, "utf-8")
    command = ["node", "validate_asyncapi.mjs", str(file)]
    return subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)


def test_the_generated_document_is_valid_asyncapi_with_examples_that_fit_their_schemas(
    tmp_path: Path,
) -> None:
    result = _validate(tmp_path, generate.outputs()["docs/asyncapi.yaml"])
    assert result.returncode == 0, result.stdout + result.stderr
    assert "warning" not in result.stdout, result.stdout
    assert f"{len(messages())} messages" in result.stdout


def test_the_document_that_the_service_serves_is_valid_asyncapi(tmp_path: Path) -> None:
    result = _validate(tmp_path, json.dumps(asyncapi()))
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_example_that_does_not_fit_its_schema_is_an_error(tmp_path: Path) -> None:
    misfit = {"client.ping": [{"type": "ping", "timestamp": "now"}]}
    result = _validate(tmp_path, json.dumps(asyncapi(misfit)))
    assert result.returncode == 1
    assert "error at examples of client.ping: data/timestamp must be integer" in result.stdout


def test_every_message_has_its_place_on_a_channel_and_in_an_operation() -> None:
    document = asyncapi()
    everything = {message.name for message in messages()}
    on_channels = {name for channel in document["channels"].values() for name in channel["messages"]}
    in_operations = {
        reference["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        for reference in operation["messages"]
    }
    assert on_channels == everything
    assert in_operations == everything


def test_every_message_of_a_client_has_an_operation_with_a_reply_that_can_be_told_by_its_ref() -> None:
    document = asyncapi()
    described = document["components"]["messages"]
    received = {name: row for name, row in document["operations"].items() if row["action"] == "receive"}
    assert {row["messages"][0]["$ref"].rpartition("/")[2] for row in received.values()} == {
        message.name for message in messages() if message.direction == "client"
    }
    for name, row in received.items():
        answers = [reference["$ref"].rpartition("/")[2] for reference in row["reply"]["messages"]]
        assert answers[-1] == "server.error", name
        channel = document["channels"][row["reply"]["channel"]["$ref"].rpartition("/")[2]]
        for message in (*answers, row["messages"][0]["$ref"].rpartition("/")[2]):
            assert described[message]["correlationId"] == {"$ref": "#/components/correlationIds/ref"}
        assert set(answers) <= channel["messages"].keys()


def test_a_server_says_how_to_authenticate() -> None:
    document = asyncapi()
    for server in document["servers"].values():
        (scheme,) = server["security"]
        assert scheme["$ref"].rpartition("/")[2] in document["components"]["securitySchemes"]


def test_an_event_stands_on_the_channels_that_carry_it_and_on_no_other() -> None:
    def channels_with(name: str) -> set[str]:
        channels: dict[str, Any] = asyncapi()["channels"]
        return {channel for channel, row in channels.items() if name in row["messages"]}

    assert channels_with("server.dossier_update") == channels_with("client.dossier_update") == {"dossier"}
    assert channels_with("server.notification") == {"user", "global"}
    assert channels_with("server.presence_join") == {"dossier", "document", "workspace", "relationship"}
    assert channels_with("server.error") == {"connection"}


def test_the_schema_names_every_message_and_refers_only_to_what_it_holds() -> None:
    schema = json_schema()
    assert {message.title for message in messages()} <= schema["$defs"].keys()
    references = _references(schema)
    assert references
    assert {reference.removeprefix("#/$defs/") for reference in references} <= schema["$defs"].keys()


def _references(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(_references, part)) if part else set()
    if not isinstance(part, dict):
        return set()
    inner = set().union(*map(_references, part.values())) if part else set()
    return inner | ({part["$ref"]} if "$ref" in part else set())
