"""A whole text saved over HTTP while eight people type in it: what they type stays whole, where they typed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle

import httpx
import pytest

from dossier_realtime.client import DocumentEditor
from dossier_realtime.ot.units import to_units
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Message
from tests.sdk.client_harness import run
from tests.sdk.test_editor_live import ROOMY, client_of, reached

LINES = 4_000
PEOPLE = [f"typist-{number}" for number in range(8)]
AT = [300 + 450 * number for number in range(8)]  # the lines that they type in


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("whole") / "data", ROOMY) as running:
        yield running
    running.assert_log_clean()


def _various() -> list[str]:
    """Lines in two languages, no two of them alike."""
    words = ("كِتَابٌ جَدِيدٌ", "a clause 😀", "المادة", "👩‍👩‍👧 the family")
    return [f"{number}. {words[number % 4]} | {number * 7919 % 1000}\n" for number in range(LINES)]


def _repeated() -> list[str]:
    """The lines of a form: four in a row, a thousand times."""
    return ["Name: ____ | \n", "☐ agreed | \n", "مُوَافِق ☐ | \n", "\n"] * (LINES // 4)


def _saved(lines: list[str]) -> list[str]:
    """The text that is saved: other first and last lines, one more and one less, a word beside each typist."""
    saved = ["The first line | \n", *lines[1:-1], "The last line | \n"]
    for number in AT:
        saved[number] = saved[number].replace(" | ", "! | ")
        saved[number + 100] = f"new {number}\n{saved[number + 100]}"
        saved[number + 200] = ""
    return saved


class Typist:
    """A person who types letter by letter at one caret."""

    def __init__(self, document: DocumentEditor) -> None:
        self._document = document
        self._letters = cycle("abcdefghij")
        self.word = ""

    def stand(self, position: int) -> None:
        self._document.move_cursor(position)

    def type(self) -> None:
        """Type a letter; check that the caret stands behind the word typed so far, and before the rest of its line."""
        caret = self._document.cursor
        assert caret is not None
        before = to_units(self._document.text)[: caret.position]
        assert before.endswith(f" | {self.word}"), (before[-60:], self.word)
        letter = next(self._letters)
        self._document.insert(caret.position, letter, join=True)
        self.word += letter


@asynccontextmanager
async def _office(service: Service, document_id: str) -> AsyncIterator[list[DocumentEditor]]:
    async with AsyncExitStack() as stack:
        documents = []
        for name in [*PEOPLE, "reader"]:
            client = await stack.enter_async_context(client_of(service, name))
            documents.append(client.document(document_id))
        for document in documents:
            await document.ready()
        yield documents


@pytest.mark.parametrize("lines", [_various(), _repeated()], ids=["two languages", "repeated lines"])
def test_nobody_s_caret_leaves_their_word_and_no_letter_is_misplaced(service: Service, lines: list[str]) -> None:
    async def scene() -> None:
        headers = {"Authorization": f"Bearer {service.token('saver', 'write:document:*')}"}
        async with httpx.AsyncClient(base_url=f"{service.http}/v1", headers=headers, timeout=HANG_SECONDS) as http:
            path = f"/documents/whole-{len(set(lines))}"
            base = (await http.put(path, json={"content": "".join(lines)})).json()["version"]
            async with _office(service, path.rpartition("/")[2]) as (*documents, reader):
                typists = [Typist(document) for document in documents]
                stands = [
                    sum(len(to_units(one)) for one in lines[:number])
                    + len(to_units(lines[number].partition(" | ")[0] + " | "))
                    for number in AT
                ]
                for typist, position in zip(typists, stands, strict=True):
                    typist.stand(position)
                # A cursor is told without a version: one that meets an edit on its way stays beside its place until it
                # moves again.
                await _shown(reader, dict(zip(PEOPLE, stands, strict=True)))
                for _ in range(5):
                    await _type(typists)
                body = {"content": "".join(_saved(lines)), "base": base}
                saving = asyncio.create_task(http.put(path, json=body))
                while not saving.done():
                    await _type(typists)
                assert saving.result().status_code == 200, saving.result().text
                for _ in range(5):
                    await _type(typists)
                for document in documents:
                    await document.wait_synced()
                found: Message = (await http.get(path)).json()
                for document in (*documents, reader):
                    await reached(document, found["version"])
                    assert document.text == found["content"]
                expected = _saved(lines)
                for typist, number in zip(typists, AT, strict=True):
                    expected[number] = expected[number].replace(" | ", f" | {typist.word}")
                assert found["content"] == "".join(expected)
                ends = {
                    name: sum(len(to_units(line)) for line in expected[:number])
                    + len(to_units(expected[number].partition(" | ")[0] + f" | {typist.word}"))
                    for name, typist, number in zip(PEOPLE, typists, AT, strict=True)
                }
                for document, name in zip(documents, PEOPLE, strict=True):
                    assert document.cursor is not None
                    assert document.cursor.position == ends[name]
                await _shown(reader, ends)

    run(scene())


async def _shown(reader: DocumentEditor, places: dict[str, int]) -> None:
    """Wait until the reader is shown these cursors."""
    while {name: cursor.position for name, cursor in reader.cursors.items()} != places:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def _type(typists: list[Typist]) -> None:
    for typist in typists:
        typist.type()
    await asyncio.sleep(0.005)
