"""The demo against the real service: what it counted is what the service counted, and it can fail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from demo.content.people import PEOPLE
from demo.content.world import COUNTRIES, DOSSIERS, RELATIONSHIPS
from dossier_realtime.protocol import channels
from dossier_realtime.recording.entry import Entry
from tests.demo.demo_run import run_demo
from tests.harness import tokens
from tests.harness.eventually import eventually
from tests.harness.service import Service

_PUBLISHED = {"dossier_update", "task_update", "task_assigned", "notification"}  # by people, over their sockets
_NOT_MESSAGES = {"token", "connections", "http.403"}  # refusals that are no refused message of a session


def summary(output: str) -> dict[str, int]:
    """The counted facts, by name."""
    counted = [line for line in output.splitlines() if not line.startswith("violation:")]
    return {name.strip(): int(number) for name, number in (line.rsplit(maxsplit=1) for line in counted)}


def test_a_day_at_the_office_agrees_with_the_metrics(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"log.format": "json"}) as service:
        demo = run_demo(service, "--seconds", "10")
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert all(line.startswith("demo, ") for line in demo.stderr.splitlines()), demo.stderr
        facts = summary(demo.stdout)

        def told() -> tuple[dict[str, float], list[dict[str, Any]], list[Entry]] | None:
            """All three of one moment: a level may be raised meanwhile, and the journal is written a moment later."""
            metrics, entries = service.metrics(), service.journal()
            listed = json.loads(service.get("/v1/channels", tokens.operator())[1])["channels"]
            published = [now["dossier_events_published_total"] for now in (metrics, service.metrics())]
            is_whole = published == [len(_causes_of_events(entries))] * 2 and not metrics["dossier_connections"]
            return (metrics, listed, entries) if is_whole else None

        found = eventually(told, lambda: Counter(_causes_of_events(service.journal())), poll=0.2)
        assert found is not None
    metrics, listed, entries = found
    frames = [entry.frame for entry in entries if entry.header.kind == "fanout" and entry.frame is not None]
    alerts = [json.loads(frame)["payload"] for frame in frames if b'"commitment_alert"' in frame[:40]]
    assert alerts
    assert all(("next_level_at" in alert) == (alert["alert_level"] < 3) for alert in alerts)
    levels = {json.loads(line)["level"] for line in service.log().splitlines()}
    assert levels <= {"debug", "info"}
    service.assert_log_clean()

    assert facts["people"] == 40
    assert facts["reconnections"] > 0
    placed = _causes_of_events(entries)
    published = [cause for cause in placed if cause == "publish" or cause in _PUBLISHED]
    assert facts["events published"] == facts["events acked"] == len(published)
    asked_for = [cause for cause in placed if cause not in ("clock", *published)]
    assert metrics["dossier_events_published_total"] == len(placed), Counter(placed)
    events = [row for row in listed if "position" in row and not row["channel"].startswith("document:")]
    assert sum(row["position"]["offset"] for row in events) == len(placed)

    assert facts["commitments registered"] > 0 < facts["levels raised"]
    assert facts["briefs asked for"] == facts["briefs written"] + facts["briefs not written"]
    assert facts["briefs asked for"] == asked_for.count("brief_request")
    assert facts["inbox entries snoozed"] == asked_for.count("notification_snooze")
    assert facts["facts posted"] > 3
    assert facts["relationships silent"] <= 1
    assert facts["tasks completed"] + facts["tasks cancelled"] > 0
    assert min(facts["edits confirmed"], metrics["dossier_edits_total"]) > 0
    assert 0 < facts["events received"] <= metrics["dossier_deliveries_total"] + metrics["dossier_messages_sent_total"]
    assert facts["connections"] == metrics["dossier_sessions_opened_total"]

    refused = {name.removeprefix("refused "): count for name, count in facts.items() if name.startswith("refused ")}
    assert sum(refused.values()) == facts["refusals got"] == facts["refusals expected"]
    assert refused.keys() >= {"rate.general", "grant.read", "clearance", "format", "auth.first", *_NOT_MESSAGES}
    counted = _by_label(metrics, "dossier_refusals_total")
    assert counted.pop("auth.token") == refused["token"] - 1  # one bad token came over HTTP
    assert counted.pop("limit.connections") == refused["connections"]
    assert counted == {rule: count for rule, count in refused.items() if rule not in _NOT_MESSAGES}
    assert refused["token"] == metrics["dossier_tokens_refused_total"]
    assert refused["connections"] == metrics['dossier_connections_closed_total{code="4503"}']
    assert refused["http.403"] == metrics['dossier_http_requests_total{method="POST",status="403"}']

    closed = _by_label(metrics, "dossier_connections_closed_total")
    never_opened = refused["auth.first"] + refused["connections"] + 2  # and two bad tokens; the third came over HTTP
    assert sum(closed.values()) == facts["connections"] + never_opened
    assert closed["4000"] == closed["4502"] == 1
    assert closed.keys().isdisjoint({"1002", "1009", "1011", "4001", "4002", "4003", "4004", "4005"})
    assert metrics["dossier_journal_lost"] == 0


def test_a_second_day_at_the_same_service_is_as_good_as_the_first(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        for _ in range(2):
            demo = run_demo(service, "--seconds", "8")
            assert demo.returncode == 0, demo.stdout + demo.stderr
            facts = summary(demo.stdout)
            assert facts["facts posted"] > 3
            assert facts["commitments registered"] > 0
    service.assert_log_clean()


def _causes_of_events(entries: Sequence[Entry]) -> list[str]:
    """Return the cause of each event of a channel: the type of a message, the verb of an act, or "clock"."""
    causes = {entry.header.seq: str(entry.header.detail.get("verb", entry.header.type)) for entry in entries}
    return [
        causes.get(entry.header.cause, "clock")
        for entry in entries
        if entry.header.kind == "fanout" and entry.header.offset and not entry.header.channel.startswith("document:")
    ]


def _by_label(metrics: dict[str, float], name: str) -> dict[str, float]:
    """Return a counter's series that counted anything, by the value of their only label."""
    series = {sample: count for sample, count in metrics.items() if sample.startswith(name + "{") and count}
    return {sample.split('"')[1]: count for sample, count in series.items()}


def test_a_service_that_refuses_too_little_makes_the_demo_fail(tmp_path: Path) -> None:
    with Service(tmp_path / "data", {"limits.general": 1_000}) as service:
        demo = run_demo(service, "--seconds", "5", "--people", "6")
    assert demo.returncode == 1
    assert "violation: 101 messages at once were let through; the limit is 100" in demo.stdout
    assert summary(demo.stdout)["violations"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--people", "3"), "the office has 6 to"),
        (("--people", "1000"), "the office has 6 to"),
        (("--seconds", "1"), "a day lasts 5 seconds or more"),
        ((), "start the service first"),
    ],
)
def test_a_demo_that_cannot_begin_says_what_to_do(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    nowhere = Service(tmp_path / "data")  # never started: port 0 answers nobody
    demo = run_demo(nowhere, *arguments)
    assert demo.returncode == 2
    assert told in demo.stderr
    assert demo.stderr.count("\n") == 1


def test_everything_the_office_works_on_has_a_channel_of_its_own() -> None:
    names = [entity.channel for entity in DOSSIERS] + [f"relationship:{name}" for name in RELATIONSHIPS]
    assert [channels.parse(name).name for name in names] == names
    assert len(set(names)) == len(names)
    assert all(len(country.id) == 2 and country.id.isupper() for country in COUNTRIES)


def test_everybody_has_an_id_and_a_name_of_their_own() -> None:
    assert len({person.user_id for person in PEOPLE}) == len({person.name for person in PEOPLE}) == len(PEOPLE)
    assert all(channels.parse(f"user:{person.user_id}") for person in PEOPLE)
