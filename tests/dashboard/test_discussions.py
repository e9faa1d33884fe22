"""Comments, suggestions, locks and the state of documents on the page of documents, and in the state behind it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dashboard.live.discussions import Discussions
from dashboard.live.service_api import ServiceApi
from dashboard.screen.listing import ListQuery, in_parts
from dashboard.screen.panes.documents import documents
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import MAX_THREADS
from dashboard.state.store import DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.documents.document_events import DocumentStateEvent, DocumentStatePayload
from dossier_realtime.protocol.responses import Roster
from tests.dashboard.answering import answering
from tests.dashboard.samples import NOW, busy, comment, held, listed, viewer
from tests.harness.coroutine_tests import asynchronous


def _rows(state: DashboardState, table: str, eyes: Viewer | None = None, at: float = NOW) -> list[list[Any]]:
    blocks = in_parts(documents(state, eyes or viewer(clearance="secret"), at), ListQuery(size=1_000))
    found = next(block for block in blocks if block["id"] == table)
    return [row["cells"] for row in found["rows"]]


def _threads(state: DashboardState) -> set[str]:
    document = state.documents.get("d-1")
    return set() if document is None else set(document.threads)


def test_a_page_names_who_said_something_on_which_words_and_who_holds_a_clause() -> None:
    assert [row[1:6] for row in _rows(busy(), "threads")] == [
        ["the ports", {"badge": "Comment", "tone": "info"}, "Omar", "Which ones?", 0],
        ["the ports", {"badge": "Suggestion", "tone": "info"}, "Omar", "Instead: the three ports", 0],
    ]
    assert _rows(busy(), "locks") == [
        ["document:d-1", "clause.4", "Nora", {"until": NOW + 30}],
        ["document:d-1", "quiet edit", "Omar", None],
    ]
    assert _rows(busy(), "locks", at=NOW + 31)[0][3] == "kept on"  # a longer lease is told to nobody


@pytest.mark.parametrize("table", ["threads", "locks"])
def test_what_is_said_of_a_document_is_shown_to_its_readers_alone(table: str) -> None:
    state = busy()
    state.listed([], [listed("document:d-1", "secret")])
    assert _rows(state, table, viewer(clearance="confidential")) == []
    assert _rows(state, table, viewer(clearance="secret")) != []


def test_the_newest_form_of_a_thread_counts_and_one_that_is_answered_goes() -> None:
    state = busy()
    state.heard("document:d-1", comment(revision=3, text="Later", orphaned=True), NOW)
    state.heard("document:d-1", comment(revision=2, text="Earlier"), NOW)
    words, _, _, said, *_ = next(row[1:] for row in _rows(state, "threads") if row[4] == "Later")
    assert (said, words) == ("Later", {"badge": "deleted: the ports", "tone": "muted"})
    for status in ("accepted", "resolved"):
        key = "t-2" if status == "accepted" else "t-1"
        state.heard("document:d-1", comment(key, status=status, revision=4), NOW)
    assert _threads(state) == set()
    for number in range(MAX_THREADS + 5):
        state.heard("document:d-1", comment(f"n-{number}"), NOW)
    assert len(_threads(state)) == MAX_THREADS


def test_a_list_replaces_what_was_known_before_it_was_asked_for() -> None:
    state = busy()
    before = state.discussions("document:d-1")
    state.heard("document:d-1", comment("t-3"), NOW)  # while it was asked for
    rest = comment("t-2", revision=9).payload
    state.discussed("document:d-1", [rest, msgspec.convert(comment("t-4").payload, DocumentCommentPayload)], before)
    assert _threads(state) == {"t-2", "t-3", "t-4"}
    state.forgotten("document:d-1")
    assert (_threads(state), _rows(state, "locks")) == (set(), [])


def test_the_end_of_a_lock_is_that_which_was_told_when_it_was_taken() -> None:
    state = DashboardState()
    state.listed([], [listed("document:d-1")])
    taken = PresenceState.of(Roster(count=1, users=[], locks=[held("clause.4", "Nora")]))
    state.present("document:d-1", taken, NOW)
    state.present("document:d-1", taken, NOW + 9)  # another user came
    assert _rows(state, "locks")[0][3] == {"until": NOW + 30}
    state.present("document:d-1", PresenceState(), NOW + 10)
    assert _rows(state, "locks") == []


@pytest.mark.parametrize(
    ("told", "settings", "shown"),
    [
        (None, {}, {"badge": "yes", "tone": "good"}),
        (None, {"frozen": True}, {"badge": "frozen", "tone": "warn"}),
        (None, {"frozen": True, "read_only_until": NOW + 60}, {"until": NOW + 60}),
        ({"frozen": False}, {"frozen": True}, {"badge": "yes", "tone": "good"}),
        ({"frozen": True, "read_only_until": NOW + 5}, {}, {"until": NOW + 5}),
        ({"frozen": False, "deleted": True}, {}, {"badge": "deleted", "tone": "bad"}),
    ],
)
def test_a_row_says_whether_the_document_takes_edits(
    told: dict[str, Any] | None, settings: dict[str, Any], shown: dict[str, Any]
) -> None:
    state = busy()
    state.listed([], [listed("document:d-1") | {"settings": {"classification": "internal"} | settings}])
    if told is not None:
        payload = DocumentStatePayload(**told)
        state.heard("document:d-1", DocumentStateEvent(channel="document:d-1", payload=payload), NOW)
    assert next(row for row in _rows(state, "documents") if row[0] == "d-1")[5] == shown


def test_the_bound_of_the_comments_tells_nothing_of_documents_that_are_hidden() -> None:
    few, many = busy(), busy()
    many.listed([], [listed("document:d-1"), *(listed(f"document:hidden-{number}", "secret") for number in range(9))])
    few.listed([], [listed("document:d-1")])
    for number in range(9):
        many.heard(f"document:hidden-{number}", comment(f"h-{number}", document=f"hidden-{number}"), NOW)
    told = [
        next(block for block in documents(state, viewer(clearance="internal"), NOW) if block["id"] == "threads")["kept"]
        for state in (few, many)
    ]
    assert told[0] == told[1] != ""


def test_a_list_that_goes_on_ends_no_comment_and_says_that_it_is_clipped() -> None:
    def kept() -> str:
        blocks = documents(state, viewer(clearance="secret"), NOW)
        return str(next(block for block in blocks if block["id"] == "threads")["kept"])

    state = busy()
    state.listed([], [listed("document:d-1")])
    before, first = state.discussions("document:d-1"), [comment("t-2", revision=9).payload]
    assert (kept(), len(before)) == ("", 2)
    state.discussed("document:d-1", first, before, whole=False)
    assert _threads(state) == before
    assert "are kept" in kept()
    state.discussed("document:d-1", first, before)
    assert (_threads(state), kept()) == ({"t-2"}, "")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@asynchronous
async def test_comments_are_asked_for_again_where_the_service_asked_to_wait(status: int) -> None:
    state, found = DashboardState(), msgspec.to_builtins(comment("t-1").payload)
    page = {"document": "d-1", "version": 7, "comments": [found]}
    with answering(status, {}) as service:
        api = ServiceApi(service.url)
        discussions = Discussions(api, state)
        discussions.follow("document:d-1")
        await discussions.read("token")
        assert _threads(state) == set()
        service.answer = (200, page)
        await discussions.read("token")
        assert _threads(state) == {"t-1"}
        await api.close()


@asynchronous
async def test_comments_at_which_the_service_fails_are_asked_for_again_after_a_minute() -> None:
    state, found, steady = DashboardState(), msgspec.to_builtins(comment("t-1").payload), 100.0
    page = {"document": "d-1", "version": 7, "comments": [found]}
    with answering(500, {}) as service:
        api = ServiceApi(service.url)
        discussions = Discussions(api, state, lambda: steady)
        discussions.follow("document:d-1")
        await discussions.read("token")
        service.answer = (200, page)
        discussions.follow("document:d-1")
        await discussions.read("token")
        assert _threads(state) == set()  # each call would be one more failure of the service
        steady += 60
        await discussions.read("token")
        assert _threads(state) == {"t-1"}
        await api.close()
