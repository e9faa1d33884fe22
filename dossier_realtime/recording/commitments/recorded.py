"""Commitments as a recording has them, for a dry run in a notebook: the last state that acts left each of them in.

policy = AlertPolicy(office_calendar, {"data-exchange": (60, 30, 7)})
planned_alerts(recording, policy, "2027-01-01", "2027-12-31")
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec

from dossier_realtime.recording.moments import unix

from .dry_run import Deadline, dry_run

if TYPE_CHECKING:
    import pandas as pd

    from dossier_realtime.recording.moments import Moment
    from dossier_realtime.recording.recording import Recording

    from .ladder import AlertPolicy


class _Facts(msgspec.Struct):
    """The facts of a commitment that an act holds; those above the level of its channel are left out."""

    state: str
    mou_id: str = ""
    mou_type: str = ""
    due_date: str = ""
    escalation: str = "[]"


_facts = msgspec.json.Decoder(_Facts)
_groups = msgspec.json.Decoder(list[list[str]])


def recorded_deadlines(recording: Recording) -> list[Deadline]:
    """Return the commitments that were open at the end of a recording, as far as its clearance shows them."""
    last: dict[str, _Facts] = {}
    for entry in recording.entries(kind="act"):
        detail = entry.header.detail
        if detail.get("subject_kind") == "commitment" and "mou_id" in str(detail.get("after", "")):
            last[str(detail.get("subject", ""))] = _facts.decode(str(detail["after"]))
    return [_deadline(name, facts) for name, facts in sorted(last.items()) if facts.state == "open"]


def planned_alerts(recording: Recording, policy: AlertPolicy, begin: Moment, end: Moment) -> pd.DataFrame:
    """Return one row for each alert that recorded commitments would raise under a policy, by its time (UTC).

    From `begin` on and before `end`, as if nobody acted on any of them. Raises ValueError for what is no time.
    """
    import pandas as pd  # noqa: PLC0415  only analysts have it

    zone = policy.calendar.zone
    planned = dry_run(recorded_deadlines(recording), policy, unix(begin, zone), unix(end, zone))
    columns = ["commitment", "mou", "level", "days_left", "recipients"]
    rows = [(one.commitment_id, one.mou_id, one.level, one.days_until_deadline, one.recipients) for one in planned]
    times = pd.to_datetime([one.at for one in planned], unit="s", utc=True)
    return pd.DataFrame(rows, columns=columns, index=pd.DatetimeIndex(times, name="time"))


def _deadline(name: str, facts: _Facts) -> Deadline:
    try:
        groups = _groups.decode(facts.escalation)
    except msgspec.DecodeError:  # it was cut: only its users are not known
        groups = []
    return Deadline(
        name, facts.mou_id, facts.mou_type, date.fromisoformat(facts.due_date), tuple(tuple(group) for group in groups)
    )
