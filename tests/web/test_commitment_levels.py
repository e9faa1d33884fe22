"""The classification of a commitment over its time: acts and reasons are judged by its own, then and now."""

from __future__ import annotations

from pathlib import Path

from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import Clearance
from tests.web.commitment_office import BODY, DAY, Office
from tests.web.test_commitments import in_office, looks_often

__all__ = ["looks_often"]  # a fixture, used by each test


def test_reasons_given_at_a_higher_classification_are_not_read_at_a_lower_one(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        writer = place.token("omar", "write:dossier:mou:*", clearance="secret")
        reader = place.token("ali", "read:dossier:mou:m1", clearance="internal")
        until = int(place.wall + DAY)
        for name, lowered in (("c1", {}), ("c2", {"due_date": "2027-04-30"})):
            assert (await place.put(name, writer, classification="secret")).status_code == 200
            why = {"headers": {"X-Reason": "MARK-1"}}
            snoozed = await place.call("POST", f"commitments/{name}/snooze", writer, json={"until": until}, **why)
            assert snoozed.json()["hands"][0]["reason"] == "MARK-1"
            why = {"headers": {"X-Reason": "MARK-2"}}
            body = BODY | {"classification": "internal"} | lowered
            assert (await place.call("PUT", f"commitments/{name}", writer, json=body, **why)).status_code == 200
            told = await place.call("GET", f"commitments/{name}", reader)
            assert told.json()["hands"] == [{"at": int(place.wall), "user": "omar", "act": "snooze", "until": until}]

    in_office(tmp_path, scene)
    told = [str(entry) for entry in open_journal(tmp_path / "data" / "journal", clearance="internal").entries()]
    assert sum("register_commitment" in entry for entry in told) >= 2
    assert [entry for entry in told if "MARK" in entry] == []


def test_an_operator_below_the_classification_acknowledges_no_more_than_one_sees(tmp_path: Path) -> None:
    async def scene(place: Office) -> None:
        for user in ("ali", "omar"):
            place.cleared(user, Clearance.SECRET)
        answer = await place.put(
            "c1", place.token("omar", "write:dossier:mou:*", clearance="secret"), classification="secret"
        )
        place.wall = answer.json()["levels"][0]["at"]
        await place.until_levels(ali=[1])
        operator = place.token("root", "admin:*", clearance="internal")
        assert (await place.call("GET", "commitments/c1", operator)).status_code == 404
        refused = await place.call("POST", "commitments/c1/ack", operator)
        absent = await place.call("POST", "commitments/none/ack", operator)
        assert (refused.status_code, refused.text) == (absent.status_code, absent.text)
        assert await place.got("ali", "alert_state") == []
        cleared = place.token("root", "admin:*", clearance="secret")
        assert (await place.call("POST", "commitments/c1/ack", cleared)).status_code == 200

    in_office(tmp_path, scene)
