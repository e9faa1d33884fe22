"""A recording for a page: fetched by a process of its own, which says why where there is none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dashboard.language.i18n import TRANSLATIONS, Language
from dashboard.playback import recordings as recordings_module
from dashboard.playback.recording_queue import RecordingQueue
from dashboard.playback.recordings import Recordings
from tests.dashboard.samples import viewer
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it takes: the process of a recording gives way to all others."""
    monkeypatch.setattr(recordings_module, "_PROCESS_TIMEOUT_SECONDS", HANG_SECONDS)


def test_what_cannot_be_had_says_why(service: Service) -> None:
    async def opened(token: str, **asked: Any) -> Any:
        return await Recordings(service.http, token, viewer("en", clearance="secret")).open(
            asked, 4_000_000_000.0, nowhere
        )

    refused = asyncio.run(opened(service.token("nobody"), minutes="5"))
    assert refused[1] == "bad"
    reason = "the service refused (403): Insufficient permissions for this call"
    assert refused[0] == f"The recording is not available: {reason}"
    assert "ask for a longer time" in asyncio.run(opened(tokens.operator(), minutes="5"))[0]  # it is not yet 2096
    for nonsense in ({"minutes": "6"}, {"minutes": 5}, {"minutes": "5", "user": "x" * 201}, {}):
        assert asyncio.run(opened(tokens.operator(), **nonsense))[1] == "bad"
    pattern = asyncio.run(opened(tokens.operator(), minutes="5", channel="no channel"))
    assert "joined by ':', such as dossier:country:SA" in pattern[0]


def test_every_cause_is_told_in_the_language_of_the_page(service: Service) -> None:
    async def opened(token: str, minutes: str = "5", **asked: Any) -> Any:
        recordings = Recordings(service.http, token, viewer("ar", clearance="secret"))
        return await recordings.open({"minutes": minutes, **asked}, 4_000_000_000.0, nowhere)

    asked = {
        "rights": opened(service.token("nobody")),
        "nothing": opened(tokens.operator(), user="nobody.at.all"),
        "wrong": opened(tokens.operator(), channel="no channel"),
    }
    for cause, answer in asked.items():
        text, tone = asyncio.run(answer)
        own = TRANSLATIONS[f"recordings.{cause}"][1].partition("{why}")[0]
        assert text.startswith(own), cause
        assert tone == "bad"


def test_a_service_that_is_gone_is_told(service: Service) -> None:
    async def opened() -> Any:
        recordings = Recordings("http://127.0.0.1:9", tokens.operator(), viewer("ar", clearance="secret"))
        return await recordings.open({"minutes": "5"}, 0.0, nowhere)

    text, tone = asyncio.run(opened())
    assert tone == "bad"
    assert text.startswith(TRANSLATIONS["recordings.away"][1].partition("{why}")[0])


def test_a_recording_that_takes_too_long_is_ended_and_says_what_would_be_shorter(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_module, "_PROCESS_TIMEOUT_SECONDS", 0.0)

    async def opened(language: Language) -> Any:
        recordings = Recordings(service.http, tokens.operator(), viewer(language, clearance="secret"))
        return await recordings.open({"minutes": "5"}, 4_000_000_000.0, nowhere)

    assert "Ask for one user, one channel" in asyncio.run(opened("en"))[0]
    assert "اطلب مستخدماً واحداً" in asyncio.run(opened("ar"))[0]


def test_recordings_of_one_person_are_made_in_turn_and_the_place_is_told(service: Service) -> None:
    async def all_at_once() -> tuple[list[Any], list[str]]:
        told: list[str] = []
        queue = RecordingQueue(at_once=2, per_user=2)
        pages = [
            Recordings(service.http, tokens.operator(), viewer(language, clearance="secret"), queue, "omar")
            for language in ("en", "ar", "en", "ar")
        ]
        asked = {"minutes": "5"}
        return list(
            await asyncio.gather(
                *(page.open(asked, 4_000_000_000.0, lambda text, _: told.append(text)) for page in pages)
            )
        ), told

    (first, second, third, fourth), told = asyncio.run(all_at_once())
    assert "ask for a longer time" in first[0]
    assert second[0].startswith("التسجيل غير متاح")
    assert "ask for a longer time" in third[0]
    assert fourth == ("لديك عدة تسجيلات في الطابور: انتظر حتى يكتمل أحدها", "warn")
    assert told[0] == "تُعدّ التسجيلات بالدور. موقعك في الطابور: 1"
    assert told[1] == "Recordings are made in turn. Your place in the queue: 2"
    assert told[2].endswith("queue: 1")


def nowhere(text: str, tone: str) -> None:
    """Nobody looks."""
