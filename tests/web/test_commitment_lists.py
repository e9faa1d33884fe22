"""Lists of commitments and dry runs are bounded a call, and tell nothing of what their reader may not see."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from app.engine.ports.records import ListPlace
from app.services.commitments import lists
from app.services.domain.sealed_places import SealedPlaces
from tests.web.commitment_office import Office, office

SPAN = "from=2027-01-01&to=2028-01-01"


async def _register(place: Office) -> None:
    for number in range(7):
        await place.put(f"hidden-{number}", mou_id="m7", owner="zed", escalation=[["zed"], [], []])
    await place.put("shown-1", due_date="2027-05-01")
    await place.put("shown-2", due_date="2027-05-02")


def test_a_list_goes_on_behind_what_was_looked_at_and_names_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_LISTED", 3)

    async def run() -> None:
        async with office(tmp_path / "data") as place:
            await _register(place)
            reader = place.token("rea", "read:dossier:mou:m1")
            found, after, calls = [], "", 0
            while True:
                answer = (await place.call("GET", f"commitments?limit=1{after}", reader)).json()
                found += [row["commitment_id"] for row in answer["commitments"]]
                calls += 1
                if "next" not in answer:
                    break
                named = answer["next"].lstrip("~")
                assert b"hidden" not in base64.urlsafe_b64decode(named + "=" * (-len(named) % 4))
                after = f"&after={answer['next']}"
            assert found == ["shown-1", "shown-2"]
            assert calls > 3
            forged = "~" + "A" * 300
            for wrong in (forged, "~", "~x", "e30"):
                assert (await place.call("GET", f"commitments?after={wrong}", reader)).status_code == 400

    asyncio.run(run())


def test_a_dry_run_over_too_many_says_how_to_ask_for_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_PLANNED", 5)

    async def run() -> None:
        async with office(tmp_path / "data") as place:
            await _register(place)
            answer = await place.call("GET", f"commitments/dry-run?{SPAN}")
            assert (answer.status_code, answer.json()["path"]) == (400, "mou")
            alerts = (await place.call("GET", f"commitments/dry-run?{SPAN}&mou=m1")).json()["alerts"]
            assert {alert["commitment_id"] for alert in alerts} == {"shown-1", "shown-2"}
            # What is due behind the time that is asked about is not looked at.
            near = await place.call("GET", "commitments/dry-run?from=2026-01-01&to=2026-06-01")
            assert (near.status_code, near.json()) == (200, {"alerts": []})
            assert (await place.call("GET", f"commitments/dry-run?{SPAN}&mou=a%20b")).status_code == 400

    asyncio.run(run())


@pytest.mark.parametrize("key", ["c", "c" * 64])
def test_a_sealed_place_is_opened_by_who_sealed_it_and_tells_not_even_its_length(key: str) -> None:
    seals, place = SealedPlaces(), ListPlace("02027-03-31", key)
    sealed = seals.seal(place)
    assert seals.open(sealed) == place
    assert len(sealed) == len(seals.seal(ListPlace("", "")))
    assert sealed != seals.seal(place)
    assert SealedPlaces().open(sealed) is None
