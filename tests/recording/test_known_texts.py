"""The time from which on the text of a document is not known: behind a hole, in another history, and after a gap."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.events import RemoteOperation, RemoteOperationPayload
from dossier_realtime.recording.entry import Header, encode_entry
from dossier_realtime.recording.index import Index
from dossier_realtime.recording.proof.verify import Report
from dossier_realtime.recording.replay.documents import history
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service

NAME = "document:plan"
CASES: dict[str, tuple[str, float]] = {
    "nothing is missing": ("e1 e2 e3", inf),
    "a version is missing": ("e1 e2 e4 e5", 3.0),
    "a version cannot be read": ("e1 x2 e3", 2.0),
    "a version was redacted": ("e1 -2 e3", 2.0),
    "it was deleted and begun anew": ("e1 e2 f1 f2", 3.0),
    "entries were lost": ("e1 e2 g0", 2.5),
    "entries were lost, and none of these": ("e1 g0 e2", inf),
}
"""Entries, one a second: epoch and version, a frame that is no edit (x), none (-), or a gap of the last half second."""


class _Lines:
    """A source of entries."""

    def __init__(self, told: str) -> None:
        self._lines = [_line(second, each[0], int(each[1:])) for second, each in enumerate(told.split(), 1)]

    def lines(self) -> Iterator[tuple[int, bytes]]:
        yield from enumerate(self._lines)

    def line(self, place: int) -> bytes:
        return self._lines[place]

    def verify(self) -> Report:
        raise NotImplementedError


def _line(second: int, what: str, version: int) -> bytes:
    at = float(second)
    if what == "g":
        return encode_entry(Header(second, "gap", at, detail={"lost": 1, "since": at - 0.5}), None, b"", b"")[0]
    payload = RemoteOperationPayload(
        user_id="u", user_name="U", operation_type="insert", position=0, version=version, content="x"
    )
    frame = b'{"type":"x"}' if what == "x" else msgspec.json.encode(RemoteOperation(channel=NAME, payload=payload))
    header = Header(second, "fanout", at, channel=NAME, offset=version, epoch="f" if what == "f" else "e")
    return encode_entry(header, None if what == "-" else frame, b"0" * 32, b"")[0]


@pytest.mark.parametrize("case", CASES)
def test_a_text_is_known_up_to_the_first_version_that_is_not(case: str) -> None:
    told, ends = CASES[case]
    found = history(Index(_Lines(told)), NAME)
    assert found.ends == ends
    assert (found.is_known(1.0), found.is_known(1_000.0)) == (True, ends == inf)


def test_the_marks_of_a_deleted_text_say_nothing_of_one_that_has_its_name(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        token = service.token("op", "admin:*", "write:document:*", clearance="secret")
        base, headers = f"{service.http}/v1/documents/", {"Authorization": f"Bearer {token}"}
        pair: Any = {"counterpart": "ar", "language": "en", "counterpart_language": "ar"}
        with httpx.Client(base_url=base, headers=headers, timeout=HANG_SECONDS) as http:
            answers = [http.put("en", json={"content": "1. a"}), http.put("ar", json={"content": "1. b"})]
            answers += [http.put("en/pair", json=pair), http.post("en/pair/translated", json={})]
            answers.append(http.get("en/pair"))  # an act's outcome is written after its answer, and before the next one
            time.sleep(0.01)  # the entries before and after it have other milliseconds
            marked = time.time()
            time.sleep(0.01)
            answers += [http.delete("ar"), http.put("ar", json={"content": "1. c"})]
            answers += [http.put("en/pair", json=pair), http.post("en/pair/translated", json={})]
    assert {answer.status_code for answer in answers} == {200}
    recording = open_journal(tmp_path / "data" / "journal", clearance="secret")
    statuses = [recording.side_by_side("en", "ar", at).rows()[0].status for at in (marked, None)]
    assert statuses == ["translated", "unknown"]  # the texts of the second history are not replayed
