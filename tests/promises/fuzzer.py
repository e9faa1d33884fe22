"""Messages that are almost right: the contract's examples, changed; and what is not JSON, or not even a frame."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

from tests.node.rfc6455_cases import BINARY, CONT, PING, PONG, TEXT, frame

EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"

_ATOMS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 42, 2**53 - 1, 2**53, -(2**63), 10**400, 1.0, 1e308, -0.0, "", " ", "1", "null",
    "uuid", "\0", "\ud800", "\u202e", "\U0001f600" * 40, "x" * 65, "x" * 20_000, "../../x", "*", "dossier:country:SA",
    "dossier:*:*", "ops:nodes", "global", "user:fuzzer", "document:1", "__proto__", "auth_success", [], {}, [[]],
    [None], {"": ""}, {"__proto__": {}}, {"en": "x", "ar": "س"}, list(range(300)), float("nan"), float("inf"),
)  # fmt: skip
_BYTES = b'{}[]",:\\\x00\x1f\x7f\x80\xc0\xed\xa0\x80\xff\xef\xbb\xbf09eE+-.nulltruefalse '


class Fuzzer:
    """A stream of hostile input that is the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311  repeatable, no secret
        self._examples = [json.loads(file.read_bytes()) for file in sorted(EXAMPLES.glob("*/*.json"))]

    def text(self) -> bytes:
        """Return the payload of a text frame: of UTF-8, so that the next one is read too."""
        return self._payload().decode(errors="replace").encode()

    def _payload(self) -> bytes:
        kind = self._dice.random()
        if kind < 0.6:
            return self._written(self._changed(self._example(), self._dice.randint(0, 3)))
        if kind < 0.8:
            return self._damaged(self._written(self._example()))
        if kind < 0.9:
            return self._written(self._value(4))
        return self._dice.randbytes(self._dice.choice((0, 1, 7, 126, 1_000)))

    def frames(self) -> bytes:
        """Bytes of the wire: frames of other kinds, frames that are cut, what is not UTF-8, what is no frame."""
        dice, payload = self._dice, self._payload()[:60_000]
        match dice.randint(0, 8):
            case 0:
                return frame(dice.choice((PING, PONG)), payload[:125])
            case 1:
                return frame(BINARY, payload)
            case 2:
                return frame(TEXT, payload[: len(payload) // 2], fin=False) + frame(CONT, payload[len(payload) // 2 :])
            case 3:
                return frame(TEXT, payload, rsv=dice.randint(1, 7))
            case 4:
                return frame(TEXT, payload, mask=None)
            case 5:
                return frame(dice.randint(0, 15), payload[:200], fin=dice.random() < 0.5)
            case 6:
                return frame(TEXT, payload + b"\xff")
            case 7:
                return self._damaged(frame(TEXT, payload))
            case _:
                return dice.randbytes(dice.randint(1, 300))

    def _example(self) -> Any:
        return json.loads(json.dumps(self._dice.choice(self._examples)))

    def _changed(self, message: Any, times: int) -> Any:
        for _ in range(times):
            node, path = message, list[tuple[Any, Any]]()
            while isinstance(node, dict | list) and node and (not path or self._dice.random() < 0.7):
                key = self._dice.choice(list(node)) if isinstance(node, dict) else self._dice.randrange(len(node))
                path.append((node, key))
                node = node[key]
            if not path:
                return self._value(3)
            parent, key = path[-1]
            match self._dice.randint(0, 4):
                case 0:
                    del parent[key]
                case 1 if isinstance(parent, dict):
                    parent[self._dice.choice(("extra", "", "type", "user_id", "__proto__"))] = self._value(2)
                case 2:
                    parent[key] = [node] if self._dice.random() < 0.5 else {"x": node}
                case _:
                    parent[key] = self._value(2)
        return message

    def _value(self, depth: int) -> Any:
        kind = self._dice.random()
        if depth and kind < 0.15:
            return [self._value(depth - 1) for _ in range(self._dice.randint(0, 4))]
        if depth and kind < 0.3:
            return {
                str(self._dice.choice(_ATOMS))[:70]: self._value(depth - 1) for _ in range(self._dice.randint(0, 4))
            }
        if kind < 0.32:
            return json.loads("[" * 60 + "]" * 60)
        return copy.deepcopy(self._dice.choice(_ATOMS))

    def _written(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=self._dice.random() < 0.5).encode(errors="surrogatepass")

    def _damaged(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        for _ in range(self._dice.randint(1, 4)):
            at = self._dice.randrange(len(damaged) + 1)
            match self._dice.randint(0, 3):
                case 0:
                    damaged[at : at + 1] = bytes([self._dice.choice(_BYTES)])
                case 1:
                    damaged[at:at] = bytes([self._dice.choice(_BYTES)]) * self._dice.choice((1, 1, 2_000))
                case 2:
                    del damaged[at : at + self._dice.randint(1, 9)]
                case _:
                    damaged[at:at] = damaged[: self._dice.randint(0, 50)]
        return bytes(damaged)
