"""What entries say that people did, and what the audit's page makes of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from app.core.schema.openapi import openapi
from dashboard.language.i18n import TRANSLATIONS
from dashboard.screen.panes.audit import audit
from dashboard.state.audit_events import AuditEvent, ChainStatus, audit_event
from dashboard.state.store import DashboardState
from dossier_realtime.recording import export
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.proof.verify import ChainFault
from tests.dashboard.samples import NOW, busy, listed, viewer

GOOD = ChainStatus("node-1", first=3, seq=1_040, link="ab" * 32, head=1_040, at=NOW, writable=True)


def call(method: str, path: str, status: int = 200, **more: Any) -> Header:
    return Header(7, "http", NOW, user="omar", detail={"method": method, "path": path, "status": status, **more})


@pytest.mark.parametrize(
    ("header", "what", "of"),
    [
        (call("POST", "/v1/users/nora/disconnect", reason="why"), "disconnect_user", "nora"),
        (call("POST", "/v1/users/nora/limits/lift"), "lift", "nora"),
        (call("DELETE", "/v1/sessions/s-1"), "disconnect_session", "s-1"),
        (call("POST", "/v1/tokens/revoke"), "revoke", ""),
        (call("PUT", "/v1/channels/dossier%3Acountry%3ASA"), "channel", "dossier:country:SA"),
        (call("PUT", "/v1/documents/d-1"), "document", "document:d-1"),
        (call("POST", "/v1/commitments/c-1/ack"), "acknowledge", "c-1"),
        (call("POST", "/v1/commitments/c-1/snooze"), "snooze", "c-1"),
        (call("PUT", "/v1/commitments/c-1"), "register", "c-1"),
        (call("DELETE", "/v1/documents/d-1/comments/n-1"), "remove_comment", "document:d-1"),
        (call("POST", "/v1/relationships/SA-FR/facts"), "facts", "relationship:SA-FR"),
        (call("DELETE", "/v1/users/nora/limits/lift"), "restore", "nora"),
        (call("POST", "/v1/briefs"), "ask_brief", ""),
        (call("POST", "/v1/briefs/b-1/cancel"), "cancel", "b-1"),
        (call("POST", "/v1/publish", reason="planned work"), "publish", ""),
        (call("POST", "/v1/something/new"), "POST /v1/something/new", ""),
        (Header(7, "settings", NOW, channel="global", level="public"), "settings", "global"),
        (Header(7, "decided", NOW, user="nora", rule="session.revoked"), "ended", "nora"),
        (Header(7, "refused", NOW, user="eve", channel="global", rule="grant.admin"), "grant.admin", "global"),
        (Header(7, "refused", NOW, user="eve", rule="identity"), "identity", ""),
    ],
)
def test_what_somebody_did_is_told_in_a_word_and_of_what(header: Header, what: str, of: str) -> None:
    found = audit_event(header)
    assert found is not None
    assert (found.what, found.of, found.seq) == (what, of, 7)


@pytest.mark.parametrize(
    "header",
    [
        call("GET", "/v1/journal"),
        call("POST", "/v1/publish"),
        Header(7, "in", NOW, user="nora", channel="global"),
        Header(7, "decided", NOW, user="nora", rule="auth.expired"),
        Header(7, "refused", NOW, user="nora", rule="rate.general"),
        Header(7, "refused", NOW, user="nora", rule="format"),
    ],
)
def test_what_is_no_act_is_not_told(header: Header) -> None:
    assert audit_event(header) is None


CHANGES = [
    (method.upper(), path)
    for path, methods in openapi()["paths"].items()
    for method in methods
    if method in ("post", "put", "delete", "patch")
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_every_call_that_changes_something_has_words_in_both_languages(method: str, path: str) -> None:
    found = audit_event(call(method, re.sub(r"\{\w+\}", "x-1", path), reason="why"))
    assert found is not None
    assert f"did.{found.what}" in TRANSLATIONS


@pytest.mark.parametrize(("method", "path"), [*CHANGES, ("POST", "/v1/something/new/{secret}")])
@pytest.mark.parametrize("status", [200, 403])
def test_a_call_about_what_is_above_the_viewer_is_not_there(method: str, path: str, status: int) -> None:
    """With its subject, its path and its reason; calls about people, and those that name nothing, are for operators."""
    subject = re.search(r"\{\w+\}", path)
    if subject is None or subject[0] in ("{user}", "{session}"):
        return
    state = busy()
    name = "secret:x"
    header = call(method, re.sub(r"\{\w+\}", name, path), status, reason="the talks with X")
    for level in ("secret", "") if status == 403 else ("secret",):
        found = audit_event(structs.replace(header, level=level))
        assert found is not None
        if found.of_channel:
            state.listed([], [listed(found.of, "secret")])
        state.audited(GOOD, [replace(found, seq=99)])
        for clearance, is_seen in (("internal", False), ("secret", True)):
            rows = audit(state, viewer(clearance=clearance), NOW)[-1]["rows"]
            assert ("99" in [row["key"] for row in rows]) == is_seen, (clearance, level)


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=30))
def test_the_same_refusal_is_one_and_counted(users: list[str]) -> None:
    state = DashboardState()
    state.audited(GOOD, [AuditEvent(n, NOW, user, "clearance", "x", rule="clearance") for n, user in enumerate(users)])
    assert {denial.user: denial.times for denial in state.denials.values()} == {
        user: users.count(user) for user in users
    }


def test_whoever_is_refused_without_end_pushes_out_no_act() -> None:
    state = DashboardState()
    state.audited(GOOD, [AuditEvent(1, NOW, "omar", "disconnect_user", "nora", reason="why", status=200)])
    for n in range(2, 3_000):
        state.audited(GOOD, [AuditEvent(n, NOW, f"u{n}", "clearance", "x", rule="clearance")])
    assert len(state.denials) == state.denials.cap
    assert [found.user for found in state.audit_events.values()] == ["omar"]
    for n in range(3_000, 6_000):
        state.audited(GOOD, [AuditEvent(n, NOW, "omar", "channel", "x", status=200)])
    assert len(state.audit_events) == state.audit_events.cap


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    ("chain", "tone", "english"),
    [
        (ChainStatus(), "info", "Reading"),
        (GOOD, "good", "intact through entry 1,040"),
        (replace(GOOD, head=1_050), "good", "intact through entry 1,040"),
        (replace(GOOD, head=101_040), "info", "100,000 entries still to verify"),
        (replace(GOOD, trouble="unreached"), "warn", "cannot be reached"),
        (replace(GOOD, trouble="rights"), "warn", "highest clearance"),
        (replace(GOOD, trouble="busy"), "warn", "reading for a moment"),
        (replace(GOOD, trouble="unreadable"), "warn", "from entry 1,041 on"),
        (replace(GOOD, trouble="other_node"), "warn", "Only other nodes than node-1"),
        (replace(GOOD, writable=False), "bad", "cannot be written"),
        (
            replace(GOOD, fault=ChainFault(9, "", 0, export.CHANGED), faults=1),
            "bad",
            "entry 9: it or the entry before it",
        ),
        (replace(GOOD, fault=ChainFault(9, "", 0, export.CHANGED), faults=3), "bad", "first of 3"),
        (replace(GOOD, fault=ChainFault(9, "", 0, "something new"), faults=1), "bad", "entry 9: something new"),
    ],
)
def test_the_banner_says_how_the_chain_stands(chain: ChainStatus, tone: str, english: str, language: str) -> None:
    state = DashboardState()
    state.audited(chain, [])
    banner = audit(state, viewer(language), NOW)[0]
    assert banner["tone"] == tone
    assert (english in banner["text"]) == (language == "en")


def test_every_fault_that_the_verification_knows_has_words() -> None:
    known = [export.CHANGED, export.MISSING, export.REWRITTEN, export.OTHER_LINES, export.NO_LINE]
    for what in known:
        state = DashboardState()
        state.audited(replace(GOOD, fault=ChainFault(9, "", 0, what), faults=1), [])
        assert what not in audit(state, viewer("ar"), NOW)[0]["text"]


def test_the_latest_act_comes_first_and_those_on_channels_above_are_not_there() -> None:
    state = busy()
    assert [row["key"] for row in audit(state, viewer(), NOW)[-1]["rows"]] == ["10"]
    state.listed([], [listed("dossier:secret:x", "internal")])
    rows = audit(state, viewer(), NOW)[-1]["rows"]
    assert [row["key"] for row in rows] == ["13", "12", "11", "10"]
    assert rows[2]["cells"][3:5] == ["dossier:secret:x", "Spy seen"]
