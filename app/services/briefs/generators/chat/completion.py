"""One streamed chat completion over HTTP: server-sent events in, text out; every fault under a name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
import msgspec

_MAX_CHARACTERS: Final = 60_000  # of an answer: a model in a loop is cut off
_MAX_LINE_BYTES: Final = 1 << 20
_CONNECT_TIMEOUT_SECONDS: Final = 10.0
_RETRYABLE: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class CompletionError(Exception):
    """Raised when no whole text came. `again`: another attempt may succeed, after `wait` seconds if given."""

    def __init__(self, text: str, *, again: bool, wait: float | None = None) -> None:
        super().__init__(text)
        self.again, self.wait = again, wait


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """The address and the parameters of a model. `silence_seconds`: without a byte, after which it has failed."""

    url: str
    model: str
    api_key: str
    silence_seconds: float
    max_tokens: int
    temperature: float

    def __repr__(self) -> str:  # the generated one would print the key
        return f"ModelEndpoint(url={self.url!r}, model={self.model!r}, …)"


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: msgspec.Raw | None = None


_chunks = msgspec.json.Decoder(_Chunk)


class ChatCompletions:
    """The client of one endpoint."""

    def __init__(self, endpoint: ModelEndpoint) -> None:
        self.endpoint = endpoint

    async def complete(self, messages: Sequence[dict[str, str]], on_text: Callable[[int], Awaitable[None]]) -> str:
        """Return the model's whole text. `on_text` is called with its length so far as it comes.

        Raises CompletionError.
        """
        to = self.endpoint
        body = {
            "model": to.model,
            "messages": list(messages),
            "stream": True,
            "max_tokens": to.max_tokens,
            "temperature": to.temperature,
        }
        headers = {"Accept": "text/event-stream"}
        if to.api_key:
            headers["Authorization"] = f"Bearer {to.api_key}"
        timeout = httpx.Timeout(to.silence_seconds, connect=_CONNECT_TIMEOUT_SECONDS)
        try:
            async with (
                httpx.AsyncClient(timeout=timeout, trust_env=False, follow_redirects=False) as client,
                client.stream("POST", f"{to.url.rstrip('/')}/chat/completions", json=body, headers=headers) as answer,
            ):
                if answer.status_code != 200:
                    raise _refused(answer)
                return await _read(answer, on_text)
        except httpx.TimeoutException as silent:
            raise CompletionError(f"the model was silent ({type(silent).__name__})", again=True) from silent
        except httpx.HTTPError as broken:
            raise CompletionError(f"the connection failed ({type(broken).__name__})", again=True) from broken
        except httpx.InvalidURL as wrong:
            raise CompletionError("the endpoint is no valid address", again=False) from wrong


async def _read(answer: httpx.Response, on_text: Callable[[int], Awaitable[None]]) -> str:
    """Read server-sent events, or one whole JSON answer of a server that does not stream."""
    if "text/event-stream" not in answer.headers.get("content-type", ""):
        return await _read_whole(answer)
    text, finished = "", False
    async for line in _lines(answer):
        if not line.startswith(b"data:"):
            continue  # comments, names and ids of events
        data = line[5:].strip()
        if data == b"[DONE]":
            finished = True
            break
        choice = _choice(data)
        if choice is None:
            continue
        if choice.delta is not None and choice.delta.content:
            text += choice.delta.content
            if len(text) > _MAX_CHARACTERS:
                raise CompletionError("the model wrote without an end", again=False)
            await on_text(len(text))
        if choice.finish_reason == "length":
            raise CompletionError("the model's text was cut at briefs.chat.max_tokens", again=False)
        finished = finished or choice.finish_reason is not None
    if not finished:
        raise CompletionError("the stream broke off before its end", again=True)
    return text


async def _read_whole(answer: httpx.Response) -> str:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _MAX_LINE_BYTES:
            raise CompletionError("the answer is too long", again=False)
    choice = _choice(bytes(body))
    text = None if choice is None or choice.message is None else choice.message.content
    if not text:
        raise CompletionError("the answer holds no text", again=True)
    return text[: _MAX_CHARACTERS + 1]


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the lines of an answer, each bounded."""
    waiting = bytearray()
    async for piece in answer.aiter_bytes():
        waiting += piece
        *whole, rest = bytes(waiting).split(b"\n")
        waiting = bytearray(rest)
        if len(waiting) > _MAX_LINE_BYTES:
            raise CompletionError("a line of the answer is too long", again=False)
        for line in whole:
            yield line.rstrip(b"\r")
    if waiting:
        yield bytes(waiting)


def _choice(data: bytes) -> _Choice | None:
    try:
        chunk = _chunks.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as wrong:
        raise CompletionError("the answer is not in the form of chat completions", again=True) from wrong
    if chunk.error is not None:
        raise CompletionError("the model reported an error in the middle of its answer", again=True)
    return chunk.choices[0] if chunk.choices else None


def _refused(answer: httpx.Response) -> CompletionError:
    wait = answer.headers.get("retry-after", "")
    seconds = float(wait) if wait.isdecimal() and len(wait) < 6 else None
    return CompletionError(f"HTTP {answer.status_code}", again=answer.status_code in _RETRYABLE, wait=seconds)
