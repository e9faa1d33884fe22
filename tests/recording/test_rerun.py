"""A recording judged again: the same code decides the same, and each other decision is told."""

from __future__ import annotations

from app.core.classification import ChannelPolicy
from app.core.lifetime import SessionLimits
from app.core.ratelimit import Limits, RateLimiter
from app.core.rerun import Difference, Rerun
from dossier_realtime.recording.recording import Recording
from tests.recording.scene import COUNTRY, SECRET, Played

TABLE = [("dossier:secret:*", "secret"), ("global", "public")]


def again(
    recording: Recording, *, cursor: int = 4, table: list[tuple[str, str]] = TABLE
) -> tuple[list[Difference], Rerun]:
    limits = Limits(cursor=cursor)
    run = Rerun(ChannelPolicy(table), lambda: RateLimiter(limits, warning_ratio=0.5), SessionLimits())
    return [difference for entry in recording.entries() for difference in run.take(entry)], run


def test_the_same_code_and_settings_decide_the_same(recording: Recording) -> None:
    differences, run = again(recording)
    assert differences == []
    assert (run.judged, run.skipped) == (24, 4)  # the four logins cannot be judged


def test_another_limit_is_told(recording: Recording, played: Played) -> None:
    differences, _ = again(recording, cursor=5)
    assert [(d.session, d.recorded, d.now) for d in differences] == [(played.sessions["sara"], "rate.cursor", "")]
    assert "refused by rate.cursor, now accepted" in str(differences[0])


def test_another_classification_is_told(recording: Recording) -> None:
    differences, _ = again(recording, table=[(COUNTRY, "secret"), (SECRET, "internal")])
    assert {(d.recorded, d.now) for d in differences} == {("", "clearance"), ("", "not_subscribed"), ("clearance", "")}
