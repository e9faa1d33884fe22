"""One golden example a message, `examples/<who sends it>/<type>.json`; more cases as `<type>.<case>.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.events import Event, Publishable
from dossier_realtime.protocol.inbound import InboundMessage, stamp

EXAMPLES = Path(__file__).parent / "examples"
CLIENT = sorted(EXAMPLES.glob("client/*.json"))
SERVER = sorted(EXAMPLES.glob("server/*.json"))


def _tags(union: Any) -> set[str]:
    return {struct.__struct_config__.tag for struct in get_args(union)}


def _types(files: list[Path]) -> set[str]:
    return {file.name.split(".")[0] for file in files}


def _exact(document: Any) -> str:
    """Text in which 1, 1.0 and true differ and the order of keys does not matter."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def test_every_message_has_an_example_and_every_example_a_message() -> None:
    assert _types(CLIENT) == _tags(Command) | _tags(Publishable)
    assert _types(SERVER) == _tags(Event)


@pytest.mark.parametrize("file", CLIENT + SERVER, ids=_name)
def test_an_example_is_filed_under_its_type(file: Path) -> None:
    assert json.loads(file.read_text("utf-8"))["type"] == file.name.split(".")[0]


@pytest.mark.parametrize("file", SERVER, ids=_name)
def test_a_server_example_decodes_and_encodes_to_the_same_json(file: Path) -> None:
    event = codec.decode_event(file.read_bytes())
    assert _exact(json.loads(codec.encode(event))) == _exact(json.loads(file.read_bytes()))


@pytest.mark.parametrize("file", CLIENT, ids=_name)
def test_a_client_example_decodes_and_encodes_to_the_same_json(file: Path) -> None:
    printed = json.loads(file.read_bytes())
    command = codec.decode_command(file.read_bytes())
    if isinstance(command, InboundMessage):
        assert (command.ref, command.idempotency_key) == (printed.get("ref"), printed.get("idempotency_key"))
        server_form = json.loads((EXAMPLES / "server" / f"{printed['type']}.json").read_bytes())
        stamp(command.event, "uuid", _sender(server_form), 1234567890)
        server_form.pop("offset")
        assert _exact(json.loads(codec.encode(command.event))) == _exact(server_form)
    else:
        assert _exact(json.loads(codec.encode(command))) == _exact(printed)


def _sender(server_form: dict[str, Any]) -> str:
    """The name that the server stamped, where it stamped one."""
    names = [
        value["name"]
        for value in server_form["payload"].values()
        if isinstance(value, dict) and value.keys() == {"user_id", "name"}
    ]
    return names[0] if names else "Jane Smith"
