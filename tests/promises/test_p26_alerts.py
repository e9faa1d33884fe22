"""P26: each level of a commitment reaches each recipient exactly once, over crashes, downtime and clock jumps."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Overrides, Service
from tests.promises.conftest import Report, Sized
from tests.promises.test_p24_clock_jumps import WallClock

DAY = 86_400
LEVELS = 3
USERS = 10
FIRST_DAY, LAST_DAY = 15, 100
"""Days from the start between which levels of some commitment fall due each day, or a few days before."""
SETTINGS: Overrides = {"limits.general": 1_000_000, "limits.read": 1_000_000, "limits.roles.service.general": 1_000_000}


class Alerts:
    """The alerts that the journal of a service has so far."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def counted(self) -> Counter[tuple[str, str, int]]:
        """Return how often each (commitment, user, level) was raised."""
        places: dict[tuple[str, str, int], tuple[str, str, int]] = {}
        for entry in self._service.journal():
            header = entry.header
            frame = entry.frame or b""
            if not header.offset or b'"commitment_alert"' not in frame:
                continue
            payload = msgspec.json.decode(frame)["payload"]
            alert = (payload["commitment_id"], header.channel, payload["alert_level"])
            places[header.channel, header.epoch, header.offset] = alert
        return Counter(places.values())

    def complete(self, expected: int) -> bool:
        """Return whether so many alerts were raised."""
        return self.counted().total() >= expected


def test_p26_each_level_reaches_each_recipient_once(tmp_path: Path, report: Report, sized: Sized) -> None:
    commitments, kills = sized(60, 500), sized(4, 20)
    clock, dice = WallClock(tmp_path), random.Random(26)  # noqa: S311  the same dice each run, no secret
    with Service(tmp_path / "data", SETTINGS, environment=clock.environment) as service:
        token = tokens.token("writer", "write:dossier:mou:*", now=clock.time)
        begin = datetime.now(UTC).date()
        with httpx.Client(base_url=service.http, headers={"Authorization": f"Bearer {token}"}, timeout=240) as http:
            for number in range(commitments):
                body = {
                    "mou_id": f"m{number % 7}",
                    "title": f"Commitment {number}",
                    "due_date": str(begin + timedelta(days=70 + number % 40)),
                    "mou_type": "data-exchange",
                    "responsible_department": "Agreements",
                    "owner": "owner",
                    "escalation": [[f"u{number % USERS}"], [], []],
                }
                assert http.put(f"/v1/commitments/c{number}", json=body).status_code == 200
        alerts = Alerts(service)
        for kill in range(kills):
            before, ahead = alerts.counted().total(), round((kill + 1) * 115 / kills)
            clock.set(ahead * DAY)
            if kill % 2:
                service.kill()  # among what falls due
                clock.set((ahead - dice.randint(0, 40)) * DAY)  # it was set back meanwhile
                service.start()
                clock.set(ahead * DAY)
            else:
                if FIRST_DAY < ahead < LAST_DAY:  # something falls due at each step
                    eventually(lambda: alerts.counted().total() > before, poll=0.1)  # noqa: B023  in this turn
                service.kill()
                service.start()
        clock.set(120 * DAY)
        expected = commitments * LEVELS
        eventually(lambda: alerts.complete(expected), lambda: alerts.counted().total(), poll=0.5)
        clock.set(-120 * DAY)
        service.restart()
        clock.set(150 * DAY)
        service.restart()  # all that could come twice has had its chance
        counted = alerts.counted()
        service.assert_log_clean()
    assert set(counted.values()) == {1}, [alert for alert, times in counted.items() if times > 1][:5]
    assert len(counted) == expected
    report(
        f"{commitments} commitments × {LEVELS} levels, {kills} kills, jumps of up to 120 days: {expected}, each once"
    )
