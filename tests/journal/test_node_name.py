"""The node's name is made once: neither a restart nor another port begins a new journal."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from app.journal.node_name import FILE, kept_name
from app.journal.writer import Journal
from tests.harness.coroutine_tests import asynchronous
from tests.harness.ports import reserve
from tests.harness.service import Service
from tests.harness.wire import Client, Message

UPDATE: Message = {
    "type": "dossier_update",
    "channel": "dossier:country:SA",
    "payload": {"entity_type": "country", "entity_id": "e-1", "operation": "update", "fields_changed": ["name"]},
}


def test_a_name_is_made_once_and_differs_from_folder_to_folder(tmp_path: Path) -> None:
    first, second = kept_name(tmp_path / "a"), kept_name(tmp_path / "b")
    assert re.fullmatch(r"node-[0-9a-f]{8}", first)
    assert first != second
    assert kept_name(tmp_path / "a") == first
    assert (tmp_path / "a" / FILE).stat().st_mode & 0o077 == 0


def test_the_journal_that_was_written_last_gives_its_name(tmp_path: Path) -> None:
    for age, node in ((300, "node-8000"), (100, "node-8100"), (200, "node-8200")):
        Journal(tmp_path / "journal", node).close()
        for path in (tmp_path / "journal").glob(f"{node}-*"):
            at = path.stat().st_mtime - age
            os.utime(path, (at, at))
    assert kept_name(tmp_path) == "node-8100"
    assert kept_name(tmp_path) == "node-8100"


@pytest.mark.parametrize("held", [b"", b"../node\n", b"\xff\xfe", b"a b"])
def test_a_file_that_holds_no_name_is_refused(tmp_path: Path, held: bytes) -> None:
    (tmp_path / FILE).write_bytes(held)
    with pytest.raises(ValueError, match=r"node\.id"):
        kept_name(tmp_path)


def test_a_change_of_port_goes_on_with_the_same_journal(tmp_path: Path) -> None:
    @asynchronous
    async def publish(service: Service) -> None:
        async with await Client.connect(service, service.token("u-1", "write:dossier:*")) as client:
            assert (await client.ask(UPDATE))["type"] == "ack"

    service = Service(tmp_path / "data", {"node.id": ""})
    for _ in range(3):
        service.port = reserve()
        with service:
            publish(service)
    headers = [entry.header for entry in service.journal()]
    assert sum(header.kind == "fanout" and header.channel == UPDATE["channel"] for header in headers) == 3
    assert "recovered" not in {header.kind for header in headers}
    names = {path.name.rpartition("-")[0] for path in (tmp_path / "data" / "journal").glob("*.journal")}
    assert names == {(tmp_path / "data" / FILE).read_text().strip()}


def test_two_processes_on_one_folder_still_refuse(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"node.id": ""}):
        second = Service(tmp_path / "data", {"node.id": ""})
        second.log_file = tmp_path / "second.log"
        second.launch()
        assert second.wait() == 2
        assert "another process uses the data folder" in second.log().lower()
