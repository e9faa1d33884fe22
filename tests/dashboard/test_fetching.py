"""A recording for a page: fetched by a process of its own, which says why where there is none."""

from __future__ import annotations

import asyncio
from typing import Any

from dashboard.recordings import Recordings
from dashboard.viewer import Viewer
from tests.harness import tokens
from tests.harness.service import Service


def test_what_cannot_be_had_says_why(service: Service) -> None:
    async def opened(token: str, **asked: Any) -> Any:
        return await Recordings(service.http, token, Viewer("en", "operator", "secret")).open(asked, 2_000_000_000.0)

    refused = asyncio.run(opened(service.token("nobody"), minutes="5"))
    assert refused[1] == "bad"
    assert refused[0] == "Not to be had: the service refused (403): Insufficient permissions for this call"
    assert "ask for a longer time" in asyncio.run(opened(tokens.operator(), minutes="5"))[0]  # it is not yet 2033
    for nonsense in ({"minutes": "6"}, {"minutes": 5}, {"minutes": "5", "user": "x" * 201}, {}):
        assert asyncio.run(opened(tokens.operator(), **nonsense))[1] == "bad"
    pattern = asyncio.run(opened(tokens.operator(), minutes="5", channel="no channel"))
    assert "joined by ':', such as dossier:country:SA" in pattern[0]


def test_a_service_that_is_gone_is_told(service: Service) -> None:
    async def opened() -> Any:
        recordings = Recordings("http://127.0.0.1:9", tokens.operator(), Viewer("ar", "operator", "secret"))
        return await recordings.open({"minutes": "5"}, 0.0)

    text, tone = asyncio.run(opened())
    assert tone == "bad"
    assert text.startswith("تعذر ذلك")


def test_one_page_fetches_one_recording_at_a_time(service: Service) -> None:
    async def both() -> list[Any]:
        recordings = Recordings(service.http, tokens.operator(), Viewer("en", "operator", "secret"))
        return await asyncio.gather(*(recordings.open({"minutes": "5"}, 2_000_000_000.0) for _ in range(2)))

    first, second = asyncio.run(both())
    assert "ask for a longer time" in first[0]
    assert second == ("One at a time: the last one is still being fetched", "warn")
