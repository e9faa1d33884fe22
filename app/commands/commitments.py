"""The command `commitments dry-run`: the alerts that recorded commitments would raise between two times.

It asks no running service: it reads the journal of this data folder, and what that tells of each commitment. Those that
are classified above their MoU's channel are told there by their state alone, and are not planned.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.configuration.office_calendar import alert_policy
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import HIGHEST, LEVELS
from dossier_realtime.protocol.domain.day_words import days_left
from dossier_realtime.recording.commitments.dry_run import changed_policy, dry_run
from dossier_realtime.recording.commitments.recorded import recorded_deadlines
from dossier_realtime.recording.commitments.work_calendar import hijri_date
from dossier_realtime.recording.moments import unix

if TYPE_CHECKING:
    import argparse

    from app.configuration.config import Config
    from dossier_realtime.recording.commitments.ladder import AlertPolicy

_MAX_POLICY_BYTES: Final = 64 * 1024


def commitments(config: Config, asked: argparse.Namespace) -> int:
    """Print what would be raised from one time on and before another, if nobody acted; times are the office's.

    Raises ValueError for what is no time or policy, JournalError and OSError.
    """
    policy = _policy(alert_policy(config.commitments), asked.policy)
    zone = policy.calendar.zone
    begin, end = _moment("--from", asked.begin, policy), _moment("--to", asked.end, policy)
    if end < begin:
        raise ValueError("--to is before --from: exchange them")
    recording = open_journal(Path(config.storage.data) / "journal", asked.node, clearance=asked.clearance)
    found = dry_run(recorded_deadlines(recording), policy, begin, end)
    for alert in found:
        at = policy.calendar.local(alert.at)
        hijri = hijri_date(at.date())
        print(
            f"{at:%Y-%m-%d %H:%M}  {hijri.text if hijri else '–':<10}  level {alert.level}  {alert.commitment_id}  "
            f"{alert.mou_id}  {days_left(alert.days_until_deadline).en}  {', '.join(alert.recipients) or '–'}"
        )
    print(f"{len(found)} alerts  {zone.key}")
    return 0


def _policy(policy: AlertPolicy, file: Path | None) -> AlertPolicy:
    """Return the configured policy, or that with the days of a file."""
    if file is None:
        return policy
    with file.open("rb") as opened:
        said = opened.read(_MAX_POLICY_BYTES + 1)
    if len(said) > _MAX_POLICY_BYTES:
        raise ValueError(f"--policy: {file} is longer than {_MAX_POLICY_BYTES} bytes")
    try:
        return changed_policy(policy, said.decode().strip())
    except ValueError as wrong:
        raise ValueError(f"--policy: {file}: {wrong}") from None


def _moment(option: str, text: str, policy: AlertPolicy) -> float:
    try:
        return unix(text, policy.calendar.zone)
    except ValueError as wrong:
        raise ValueError(f"{option}: {wrong}") from None


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Add the command with its options."""
    about = commands.add_parser("commitments", parents=[common], help="what recorded commitments would raise")
    acts = about.add_subparsers(dest="act", metavar="act", required=True)
    dry = acts.add_parser("dry-run", parents=[common], help="print the alerts between two times, if nobody acted")
    time = "a day such as 2027-01-01, or a time; without a zone it is the office's"
    dry.add_argument("--from", dest="begin", required=True, help=time)
    dry.add_argument("--to", dest="end", required=True, help=f"{time}; what is raised then is left out")
    dry.add_argument(
        "--policy", type=Path, help='a file with other days: {"data-exchange": [60, 30, 7]}, or data-exchange:60/30/7'
    )
    dry.add_argument("--clearance", choices=LEVELS, default=HIGHEST, help="plan what is at this level at most")
    dry.add_argument("--node", default="", help="whose journal, where the folder has several")
