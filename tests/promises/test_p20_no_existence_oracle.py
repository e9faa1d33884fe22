"""P20: a refusal does not tell a channel that exists from one that does not: not by its bytes, not by its time.

The timing figure is the area under the ROC curve (AUC) of "this one took longer, so it exists": 0.5 is a coin. Pairs
are asked one right after the other in random order, so noise of the machine falls on both alike and pulls towards 0.5;
with 2,000 pairs of no difference at all the figure's standard deviation is 0.009, and 0.55 is five of them away.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.harness.service import Service
from tests.harness.wire import Message, Raw, request
from tests.promises.conftest import Report
from tests.promises.load_clients import CROWD, Peer, door, run, update

PAIRS = 2_000
AUC = 0.55
BATCH = 100  # events a request, subscriptions a connection

_OWN = re.compile(rb'"ref":"[^"]*"|"channel":"[^"]*"|"timestamp":\d+')

Probe = Callable[[str], Awaitable[bytes]]
"""Asks for one channel; returns what was answered, without what is the question's own."""


class Stranger:
    """The asking user: a socket and an HTTP connection of one user."""

    def __init__(self, token: str, peer: Peer, raw: Raw) -> None:
        self.peer, self.raw = peer, raw
        self.headers = (("Host", "localhost"), ("Authorization", f"Bearer {token}"))


def subscribe(stranger: Stranger) -> Probe:
    return _over_the_socket(stranger.peer, lambda channel: {"type": "subscribe", "channel": channel})


def recover(stranger: Stranger) -> Probe:
    since = {"epoch": "0123456789abcdef", "offset": 0}
    params = {"since": since, "include_presence": True}
    return _over_the_socket(stranger.peer, lambda channel: {"type": "subscribe", "channel": channel, "params": params})


def send(stranger: Stranger) -> Probe:
    return _over_the_socket(stranger.peer, lambda channel: update("x", channel))


def publish_over_http(stranger: Stranger) -> Probe:
    def question(channel: str) -> bytes:
        body = json.dumps({"events": [update("x", channel)]}).encode()
        return request("POST", "/v1/publish", *stranger.headers, ("Content-Length", str(len(body))), body=body)

    return _over_http(stranger.raw, question)


def read_history_over_http(stranger: Stranger) -> Probe:
    return _over_http(
        stranger.raw, lambda channel: request("GET", f"/v1/channels/{channel}/history", *stranger.headers)
    )


@pytest.mark.parametrize("probe", [subscribe, recover, send, publish_over_http, read_history_over_http])
@pytest.mark.parametrize("kind", ["country", "secret"], ids=["forbidden", "above_clearance"])
def test_p20_a_refusal_tells_nothing(
    kind: str, probe: Callable[[Stranger], Probe], tmp_path: Path, report: Report
) -> None:
    with Service(tmp_path / "data", CROWD) as service:
        answers, times = run(_ask_in_pairs(service, kind, probe))
        service.assert_log_clean()
    found = auc(times)
    report(f"{PAIRS} pairs: {len(answers)} distinct answer, timing AUC {found:.3f}")
    assert len(answers) == 1, answers
    assert found <= AUC


async def _ask_in_pairs(
    service: Service, kind: str, probe: Callable[[Stranger], Probe]
) -> tuple[set[bytes], list[tuple[float, float]]]:
    """All answers, and how long the two of each pair took: (exists, does not)."""
    dice = random.Random(20)  # noqa: S311  the same dice each run, no secret
    pairs = [(f"dossier:{kind}:e{number:05}", f"dossier:{kind}:a{number:05}") for number in range(PAIRS)]
    await _bring_to_life(service, [exists for exists, _ in pairs])
    token = service.token("stranger", "write:workspace:*", "admin:dossier:secret:*")
    stranger = Stranger(token, await Peer.connect(service, token), await Raw.open(service))
    answers, times = set[bytes](), []
    ask = probe(stranger)
    await ask(f"dossier:{kind}:warm")
    for pair in pairs:
        took = {}
        for channel in dice.sample(pair, 2):
            begun = time.perf_counter()
            answer = await ask(channel)
            took[channel] = time.perf_counter() - begun
            answers.add(answer)
        times.append((took[pair[0]], took[pair[1]]))
    await stranger.raw.close()
    return answers, times


async def _bring_to_life(service: Service, channels: list[str]) -> None:
    """Each has an event, a subscriber and presence."""
    token = service.token("owner", "admin:dossier:*", clearance="secret")
    async with door(service, token) as client:
        for begin in range(0, len(channels), BATCH):
            batch = channels[begin : begin + BATCH]
            answer = await client.post("/publish", json={"events": [update("x", channel) for channel in batch]})
            assert answer.status_code == 200, answer.text
            peer = await Peer.connect(service, token)
            for channel in batch:
                joined = await peer.ask({"type": "subscribe", "channel": channel, "params": {"include_presence": True}})
                assert joined["type"] == "subscribed", joined


def auc(times: list[tuple[float, float]]) -> float:
    """How well the time tells the two apart, in either direction: 0.5 not at all, 1 always (Mann and Whitney)."""
    ranked = sorted([(one, True) for one, _ in times] + [(other, False) for _, other in times])
    rank_sum = sum(rank for rank, (_, exists) in enumerate(ranked, 1) if exists)
    count = len(times)
    area = (rank_sum - count * (count + 1) / 2) / count**2
    return max(area, 1 - area)


def test_auc_of_what_cannot_and_what_can_be_told_apart() -> None:
    dice = random.Random(1)  # noqa: S311  likewise
    same = [(dice.random(), dice.random()) for _ in range(PAIRS)]
    assert auc(same) < AUC
    assert auc([(one + 0.2, other) for one, other in same]) > 0.6
    assert auc([(one, other + 2) for one, other in same]) == 1.0


def _over_the_socket(peer: Peer, question: Callable[[str], Message]) -> Probe:
    payloads: list[bytes] = []
    peer.on_payload = payloads.append

    async def ask(channel: str) -> bytes:
        payloads.clear()
        answer = await peer.ask(question(channel))
        assert answer["type"] == "error", answer
        (payload,) = payloads
        return _OWN.sub(b"", payload)

    return ask


def _over_http(raw: Raw, question: Callable[[str], bytes]) -> Probe:
    async def ask(channel: str) -> bytes:
        await raw.send(question(channel))
        answer = await raw.response()
        assert answer.status == 403, answer
        headers = sorted((name, value) for name, value in answer.headers.items() if name != "date")
        return repr(headers).encode() + answer.body

    return ask
