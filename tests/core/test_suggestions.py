"""Accepting a suggestion: merged with what others changed, refused beyond recognition, formatted like its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.comments import threads
from app.core.domain.comments.suggestions import accepted
from app.core.domain.comments.threads import CommentError, CommentThread
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.places.anchors import TextAnchor
from dossier_realtime.ot.units import from_units, to_units
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.documents.comments import CommentReply, DocumentCommentPayload
from dossier_realtime.protocol.responses import FormatRun

_texts = st.text("ab م😀", max_size=12)


@given(_texts, _texts, _texts, _texts)
def test_where_nothing_was_changed_the_text_is_the_replacement(before: str, quote: str, put: str, after: str) -> None:
    document = Document.of(before + quote + after)
    start = len(to_units(before))
    operation = accepted(document, TextAnchor(start, start + len(to_units(quote))), to_units(quote), to_units(put))
    assert operation is not None
    assert apply(operation, document).content == before + put + after


@pytest.mark.parametrize(
    ("quote", "present", "replacement", "outcome"),
    [
        ("the colour red", "the colour red", "the color red", "the color red"),
        ("the colour red", "the colour dark red", "the color red", "the color dark red"),
        ("يوقع الوزير الاتفاق", "يوقع السيد الوزير الاتفاق", "وقع الوزير الاتفاق", "وقع السيد الوزير الاتفاق"),
        ("one two three", "one two", "one 2 three", "one 2"),
        ("one two three", "1", "one 2 three", None),
        ("agreed 😀 text", "something else", "agreed text", None),
        ("delete me", "delete me", "", ""),
        ("", "", "put in", "put in"),
    ],
)
def test_changes_of_others_are_kept_as_far_as_the_text_is_known_again(
    quote: str, present: str, replacement: str, outcome: str | None
) -> None:
    document = Document.of(f"<{present}>")
    anchor = TextAnchor(1, 1 + len(to_units(present)))
    operation = accepted(document, anchor, to_units(quote), to_units(replacement))
    assert (None if operation is None else apply(operation, document).content) == (
        None if outcome is None else f"<{outcome}>"
    )


def test_an_orphan_cannot_be_accepted() -> None:
    assert accepted(Document.of("text"), TextAnchor(2, 2, orphaned=True), to_units("x"), to_units("y")) is None


def test_new_text_is_formatted_like_the_text_that_it_replaces() -> None:
    bold, heading = Attributes(bold=True), Attributes(heading=1)
    document = Document.of("A big title\n", [FormatRun(0, 2, heading), FormatRun(2, 3, bold)])
    operation = accepted(document, TextAnchor(2, 5), to_units("big"), to_units("great"))
    assert operation is not None
    after = apply(operation, document)
    assert from_units(after.text) == "A great title\n"
    assert [(run.position, run.length, run.attributes) for run in after.format] == [(0, 2, heading), (2, 5, bold)]


def _thread(**fields: object) -> CommentThread:
    comment = DocumentCommentPayload(
        id="a" * 16,
        start=0,
        end=1,
        version=1,
        quote="x",
        status="open",
        user_id="u",
        user_name="U",
        timestamp=1,
        revision=1,
        **fields,  # type: ignore[arg-type]
    )
    return CommentThread(comment)


@pytest.mark.parametrize("is_suggestion", [False, True])
@pytest.mark.parametrize("status", ["open", "resolved", "accepted", "rejected"])
@pytest.mark.parametrize("step", ["resolve", "reopen", "accept", "reject"])
def test_the_steps_of_a_comment(step: threads.CommentStep, status: str, is_suggestion: bool) -> None:
    thread = _thread(replacement="y" if is_suggestion else None)
    thread.comment.status = status  # type: ignore[assignment]
    goes = {
        ("resolve", "open", False): "resolved",
        ("reopen", "resolved", False): "open",
        ("reopen", "rejected", True): "open",
        ("accept", "open", True): "accepted",
        ("reject", "open", True): "rejected",
    }
    stays = {("resolve", "resolved", False), ("accept", "accepted", True), ("reject", "rejected", True)}
    stays |= {("reopen", "open", True), ("reopen", "open", False)}
    impossible = {("reopen", "rejected", False), ("reopen", "resolved", True)}  # there is no such comment
    case = (step, status, is_suggestion)
    if case in goes:
        changed = threads.stepped(thread, step, "v", 7)
        assert changed is not None
        assert (changed.comment.status, changed.comment.revision) == (goes[case], 2)
        assert (changed.comment.changed_by, changed.comment.changed_at) == ("v", 7)
    elif case in stays:
        assert threads.stepped(thread, step, "v", 7) is None
    elif case not in impossible:
        with pytest.raises(CommentError):
            threads.stepped(thread, step, "v", 7)


def test_a_thread_is_bounded_and_survives_its_store() -> None:
    thread = _thread(text="كلام")
    assert threads.decode(threads.encode(thread)) == thread
    reply = CommentReply(id="r", user_id="u", user_name="U", timestamp=1, text="x" * 4_000)
    while len(thread.comment.replies) < 11:
        threads.encode(thread := threads.replied(thread, reply))
    thread = threads.replied(thread, reply)
    with pytest.raises(CommentError, match="begin another"):
        threads.encode(threads.replied(thread, reply))
    gone = threads.removed(thread, "v", 9)
    assert (gone.status, gone.text, gone.quote, gone.replies) == ("removed", "", "", [])
