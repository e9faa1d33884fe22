"""Frames in shared parts are, byte for byte, what encoding the whole message gives."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from app.node.sockets.frames import text_frame
from app.node.sockets.long_frames import LongFrame, subscribed_frame
from app.services.editing.shared_texts import EMPTY, SharedText, SharedTexts
from dossier_realtime.ot.document import Document
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.responses import DocumentState, FormatRun, PresentUser, Roster, Subscribed

HOSTILE = EMPTY.decode()
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50) | st.just(HOSTILE)


@given(content=texts, times=st.sampled_from([0, 1, 70_000]), name=texts, ref=texts, formatted=st.booleans())
@example(content=HOSTILE, times=1, name=HOSTILE, ref=HOSTILE, formatted=False)
def test_a_frame_in_parts_is_the_frame_of_the_message(
    content: str, times: int, name: str, ref: str, formatted: bool
) -> None:
    content *= times
    runs = [FormatRun(0, 1, Attributes(link="/" + "x" * 9))] if formatted and content and content[0] < "\uffff" else []
    users = [PresentUser(user_id="u", name=name, role=name)]
    shown = Subscribed(channel="document:d", ref=ref, presence=Roster(count=1, users=users), recovered=False)
    shown.document = DocumentState(7, content, runs, "epoch")
    whole = codec.encode(shown)
    shown.document = DocumentState(7, "", [], "epoch")
    payload, frame = subscribed_frame(shown, SharedText(Document.of(content, runs)))
    assert payload == whole
    sent = b"".join(frame.parts) if isinstance(frame, LongFrame) else frame
    assert sent == text_frame(whole)
    assert (len(frame), frame[0]) == (len(sent), sent[0])


def test_a_text_is_encoded_once_for_all_who_hold_it_and_gone_with_them() -> None:
    texts, document = SharedTexts(), Document.of("نص " * 40_000)
    answer = Subscribed(channel="document:d", document=DocumentState(1, "", []))
    _, first = subscribed_frame(answer, texts.of("document:d", document))
    _, second = subscribed_frame(answer, texts.of("document:d", document))
    assert isinstance(first, LongFrame)
    assert isinstance(second, LongFrame)
    assert first.parts[1] is second.parts[1]
    _, other = subscribed_frame(answer, texts.of("document:d", Document.of("another " * 40_000)))
    assert isinstance(other, LongFrame)
    assert other.parts[1] != first.parts[1]
    del first, second, other
    assert not texts.held
