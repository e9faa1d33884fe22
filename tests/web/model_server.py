"""An OpenAI-compatible server on a real socket that answers as a test has it: well, slowly, wrongly, not at all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.core.briefs.output_checks import SECTIONS

Writer = asyncio.StreamWriter
Behaviour = Callable[[dict[str, Any], Writer], Awaitable[None]]

SENTENCES = {
    "en": (
        "The file on record shows what the office has written down about this partner so far",
        "Colleagues have touched the entry, and the change is kept with its author and its day",
        "The team should look at the entry again before the meeting and confirm that it still holds",
    ),
    "ar": (
        "يبيّن الملف ما دوّنه المكتب عن هذا الشريك حتى الآن في سجلاته الرسمية",
        "حدّث الزملاء هذا القيد، والتغيير محفوظ مع اسم صاحبه ويومه في السجل",
        "ينبغي للفريق أن يراجع القيد قبل الاجتماع وأن يتأكد من أنه ما زال صحيحًا",
    ),
}


class ModelServer:
    """One server. `behaviours` are used up in order; the last one stays. `asked` holds the body of every request."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = [well]
        self.asked: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            found = re.search(r"(?i)content-length: (\d+)", head)
            assert found is not None, head
            body = json.loads(await reader.readexactly(int(found[1])))
            self.asked.append(body)
            self.headers.append(head)
            behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            await behaviour(body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(port: int = 0) -> AsyncIterator[ModelServer]:
    """Serve on a port of the loopback."""
    model = ModelServer()
    server = await asyncio.start_server(model.serve, "127.0.0.1", port)
    model.port = server.sockets[0].getsockname()[1]
    try:
        yield model
    finally:
        server.close()


def good_text(body: dict[str, Any]) -> str:
    """The text that passes every check: its language is that of the prompt, its source the first fact."""
    language = "ar" if "القواعد" in body["messages"][0]["content"] else "en"
    blocks = zip(SECTIONS[language], SENTENCES[language], strict=True)  # type: ignore[index]  # one of the two
    return "\n\n".join(f"## {heading}\n{sentence} [F1]." for heading, sentence in blocks)


async def stream(writer: Writer, pieces: Sequence[str], *, end: bool = True) -> None:
    await head(writer, 200, "text/event-stream")
    for piece in pieces:
        chunk = {"choices": [{"delta": {"content": piece}, "finish_reason": None}]}
        writer.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await writer.drain()
    if end:
        writer.write(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n')
        await writer.drain()


async def head(writer: Writer, status: int, kind: str, *more: str) -> None:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {kind}", "Connection: close", *more]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()


async def well(body: dict[str, Any], writer: Writer) -> None:
    """Stream a good text, in pieces of seven characters."""
    text = good_text(body)
    await stream(writer, [text[at : at + 7] for at in range(0, len(text), 7)])


async def whole(body: dict[str, Any], writer: Writer) -> None:
    """Answer at once, as a server does that does not stream."""
    await head(writer, 200, "application/json")
    writer.write(json.dumps({"choices": [{"message": {"content": good_text(body)}}]}).encode())
    await writer.drain()


async def stalls(body: dict[str, Any], writer: Writer) -> None:
    """Begin, and then say nothing more."""
    await stream(writer, ["## Summary\n"], end=False)
    await asyncio.sleep(3600)


def status(code: int, *more: str) -> Behaviour:
    """Refuse with a status."""

    async def refuses(body: dict[str, Any], writer: Writer) -> None:
        await head(writer, code, "application/json", *more)
        writer.write(b'{"error": {"message": "no"}}')
        await writer.drain()

    return refuses


def raw(kind: str, content: bytes) -> Behaviour:
    """Answer 200 with these bytes."""

    async def answers(body: dict[str, Any], writer: Writer) -> None:
        await head(writer, 200, kind)
        writer.write(content)
        await writer.drain()

    return answers


def says(change: Callable[[str], str]) -> Behaviour:
    """Stream a good text that was changed."""

    async def answers(body: dict[str, Any], writer: Writer) -> None:
        await stream(writer, [change(good_text(body))])

    return answers


async def breaks_off(body: dict[str, Any], writer: Writer) -> None:
    """Stream half of a text, and end the connection."""
    text = good_text(body)
    await stream(writer, [text[: len(text) // 2]], end=False)


async def trickles(body: dict[str, Any], writer: Writer) -> None:
    """Write a letter now and then, for ever."""
    await head(writer, 200, "text/event-stream")
    while True:
        writer.write(b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n')
        await writer.drain()
        await asyncio.sleep(0.1)
