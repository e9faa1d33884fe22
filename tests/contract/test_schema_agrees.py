"""The schema accepts what the service accepts, and refuses what it refuses, in both directions."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from app.core.schema.json_schema import json_schema
from app.core.schema.messages import camel_case, messages
from dossier_realtime.ot.flat import InvalidOperation, read
from dossier_realtime.ot.operations import DoesNotFit
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.commands import EditOperation
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_DOCUMENT
from tests.contract.mutations import INEXPRESSIBLE, Document, documents, expressible
from tests.contract.schemas import Validator
from tests.core.session_driver import SessionDriver, errors
from tests.harness.eventually import HANG_SECONDS
from tests.harness.measurements import Report

pytestmark = pytest.mark.long  # takes seconds of a core

NODE = Path(__file__).parent.parent / "node"
FORM = {ErrorCode.INVALID_MESSAGE_FORMAT, ErrorCode.CHANNEL_NOT_FOUND}

manner = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, max_examples=200)


@cache
def _validator(name: str) -> Any:
    return Validator(json_schema() | {"anyOf": [{"$ref": f"#/$defs/{name}"}]})


def _fits(direction: str, document: Document) -> bool:
    """Return true where the schema takes the message, by the definition of its type, as the discriminator says."""
    kind = document.get("type")
    if not isinstance(kind, str) or not any(each.name == f"{direction}.{kind}" for each in messages()):
        return bool(_validator(f"{direction.capitalize()}Message").is_valid(document))
    return bool(_validator(camel_case(f"{direction}_{kind}")).is_valid(document))


def _is_accepted(document: Document) -> bool:
    """Return true where the service finds no fault with the form of a client's message, rights and state apart."""
    try:
        command = codec.decode_command(json.dumps(document).encode())
    except codec.InvalidMessage:
        return False
    driver = SessionDriver("admin:*", clearance=Clearance.SECRET).live()
    if FORM & set(errors(driver.session.receive(command, driver.at))):
        return False
    if isinstance(command, EditOperation):
        try:
            read(command.payload, MAX_DOCUMENT)
        except InvalidOperation:
            return False
        except DoesNotFit:
            return True
    return True


def _is_read(document: Document) -> bool:
    """Return true where the SDK reads a server's message."""
    try:
        codec.decode_event(json.dumps(document))
    except msgspec.DecodeError:
        return False
    return True


@pytest.mark.parametrize(("direction", "judge"), [("client", _is_accepted), ("server", _is_read)])
def test_the_schema_and_the_service_agree_on_every_message(direction: str, judge: Any, report: Report) -> None:
    verdicts: Counter[bool] = Counter()

    @manner
    @given(batch=documents(direction))
    def check(batch: list[Document]) -> None:
        for document in filter(expressible, batch):
            accepted = judge(document)
            verdicts[accepted] += 1
            assert _fits(direction, document) is accepted, json.dumps(document, ensure_ascii=False)

    check()
    report(f"{verdicts[True]} messages accepted and {verdicts[False]} refused by both")
    assert min(verdicts.values()) > 300, "too few of one kind to say that they agree"


@pytest.mark.parametrize("reason", INEXPRESSIBLE)
def test_what_a_schema_cannot_say_is_listed_with_a_message_that_shows_it(reason: str) -> None:
    _, frame = INEXPRESSIBLE[reason]
    document = json.loads(frame)
    assert _fits("client", document)
    assert not _is_accepted(document)


@pytest.mark.parametrize(
    "document",
    [
        {
            "type": "dossier_update",
            "payload": {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": []},
        },
        {
            "type": "edit_operation",
            "channel": "document:1",
            "payload": {"operation_type": "insert", "position": 0, "version": 1},
        },
        {
            "type": "edit_operation",
            "channel": "document:1",
            "payload": {"operation_type": "delete", "position": 0, "version": 1},
        },
        {"type": "subscribe", "channel": "global", "params": {"since": {}}},
        {"type": "subscribe", "channel": "global", "params": {"since": {"offset": 1}, "last": 1}},
        {"type": "subscribe", "channel": "nowhere:1"},
        {"type": "presence_update", "channel": "global", "payload": {}},
        {"type": "cursor_position", "channel": "global", "payload": {"position": 0}},
        {"type": "alert_ack", "payload": {"commitment_id": ".."}},
    ],
    ids=json.dumps,
)
def test_the_schema_refuses_what_the_service_refuses(document: Document) -> None:
    assert not _is_accepted(document)
    assert not _fits("client", document)


@pytest.mark.long
@pytest.mark.parametrize(("direction", "judge"), [("client", _is_accepted), ("server", _is_read)])
def test_a_validator_in_javascript_says_the_same(direction: str, judge: Any, tmp_path: Path) -> None:
    judged: list[tuple[Document, bool]] = []

    @manner
    @given(batch=documents(direction))
    def collect(batch: list[Document]) -> None:
        judged.extend((document, judge(document)) for document in batch if expressible(document))

    collect()
    schema, lines = tmp_path / "schema.json", tmp_path / "documents.ndjson"
    schema.write_text(json.dumps(json_schema()), "utf-8")
    lines.write_text("".join(f"{json.dumps(document)}\n" for document, _ in judged), "utf-8")
    command = ["node", "validate_schema.mjs", str(schema), f"{direction.capitalize()}Message", str(lines)]
    result = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    verdicts = [line == "true" for line in result.stdout.split()]
    assert len(verdicts) == len(judged) > 1_000
    for (document, accepted), verdict in zip(judged, verdicts, strict=True):
        assert verdict is accepted, json.dumps(document, ensure_ascii=False)
