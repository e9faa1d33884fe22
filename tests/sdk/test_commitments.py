"""Commitments through the SDK, against the real service."""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from dossier_realtime import Commitments, PublishError
from tests.harness.service import Service


def test_a_commitment_is_registered_handled_listed_and_planned(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        token = service.token("omar", "write:dossier:mou:*", "read:dossier:mou:*")
        async with Commitments(token, service.http) as commitments:
            due = date.today() + timedelta(days=200)  # noqa: DTZ011  any day far enough ahead
            for name in ("c1", "c2"):
                made = await commitments.register(
                    name,
                    mou_id="m1",
                    title="The report",
                    due_date=due,
                    mou_type="data-exchange",
                    responsible_department="Agreements",
                    owner="omar",
                    escalation=[["ali"], ["bea"], ["cy"]],
                )
                assert (made.state, made.alert_level) == ("open", 0)
            until = time.time() + 3_600
            assert (await commitments.snooze("c1", until)).snoozed_until == int(until)
            assert [(one.user, one.to) for one in (await commitments.delegate("c1", "dan", until)).delegations] == [
                ("omar", "dan")
            ]
            assert (await commitments.complete("c1", reason="تم")).hands[-1].reason == "تم"
            assert [one.commitment_id async for one in commitments.list()] == ["c2", "c1"]
            assert [one.commitment_id async for one in commitments.list(mou_id="m2")] == []
            planned = [alert async for alert in commitments.dry_run(date.today(), due)]  # noqa: DTZ011  likewise
            assert [(alert.commitment_id, alert.alert_level) for alert in planned] == [("c2", 1), ("c2", 2), ("c2", 3)]
            await commitments.delete("c2")
            with pytest.raises(PublishError) as refused:
                await commitments.get("c2")
            assert refused.value.status == 404
            with pytest.raises(PublishError) as refused:
                await commitments.snooze("c1", 5)
            assert (refused.value.status, refused.value.path) == (400, "$.until")

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
        service.assert_log_clean()
