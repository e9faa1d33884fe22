"""Two texts that are written, paired, marked as translated and edited over HTTP on a real service, to be read back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import httpx

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client

ENGLISH, ARABIC, OTHER = "mou.en", "mou.ar", "notes"
ENGLISH_TEXT = "Agreement\nArticle 1\nAll <b>parties</b>.\nArticle 2\nFive years.\n2026\nArticle 3\nEnd."
ARABIC_TEXT = "اتفاقية\nالمادة ١\nكل الأطراف.\nالمادة ٢\nخمس سنوات.\n٢٠٢٦"
STATUSES: dict[str, dict[str, str]] = {
    "paired": {"preamble": "untranslated", "article-1": "untranslated", "article-2": "untranslated"},
    "edited": {"preamble": "untranslated", "article-1": "untranslated", "article-2": "untranslated"},
    "marked": {"preamble": "translated", "article-1": "translated", "article-2": "untranslated"},
    "changed": {"preamble": "changed first second", "article-1": "changed second", "article-2": "untranslated"},
    "changed back": {"preamble": "translated", "article-1": "translated", "article-2": "untranslated"},
    "marked again": {"preamble": "translated", "article-1": "translated", "article-2": "changed first"},
}
"""The status of each clause at each moment, `first` being the English text. Article 3 is missing in the Arabic text."""


class PairedScenario(NamedTuple):
    """The stopped service, its moments (Unix seconds) by name, and what it answered of the clauses at each."""

    service: Service
    moments: dict[str, float]
    answers: dict[str, dict[str, str]]


def play(data: Path) -> PairedScenario:
    """A writer makes a pair, marks two clauses, edits both texts, and marks one more at the versions that she saw.

    At the end the Arabic text becomes secret.
    """
    played = PairedScenario(Service(data), {}, {})
    with played.service as service:
        token = service.token("sara", "write:document:*", "read:document:*", name="Sara")
        with httpx.Client(
            base_url=f"{service.http}/v1/documents/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=HANG_SECONDS,
        ) as http:
            _act(http, played)
        settings = f"{service.http}/v1/channels/document:{ARABIC}"
        admin = {"Authorization": f"Bearer {service.token('op', 'admin:*', clearance='secret')}"}
        _said(httpx.put(settings, json={"classification": "secret"}, headers=admin, timeout=HANG_SECONDS))
    played.service.assert_log_clean()
    return played


def _act(http: httpx.Client, played: PairedScenario) -> None:
    english, arabic = _Text(http, ENGLISH), _Text(http, ARABIC)
    english.write(ENGLISH_TEXT)
    arabic.write(ARABIC_TEXT)
    _Text(http, OTHER).write("1. Alone")
    _moment(http, played, "unpaired")
    _said(http.put(f"{ENGLISH}/pair", json={"counterpart": ARABIC, "language": "en", "counterpart_language": "ar"}))
    _moment(http, played, "paired")
    english.write(ENGLISH_TEXT.replace("All", "Both"))
    arabic.write(ARABIC_TEXT.replace("كل", "كلا"))
    _moment(http, played, "edited")
    # From the Arabic side: the order of the texts in the entry is the other one.
    _said(http.post(f"{ARABIC}/pair/translated", json={"clauses": ["article-1", "preamble"]}))
    _moment(http, played, "marked")
    asyncio.run(_read(played.service))  # a journal that begins behind this holds the texts, and not the marks
    _moment(http, played, "read")
    english.write(ENGLISH_TEXT.replace("All", "Both").replace("Agreement", "Treaty"))
    arabic.write(ARABIC_TEXT.replace("كل", "جميع").replace("اتفاقية", "معاهدة"))
    _moment(http, played, "changed")
    english.write(ENGLISH_TEXT.replace("All", "Both").replace("Five", "Six"))
    arabic.write(ARABIC_TEXT.replace("كل", "كلا"))
    _moment(http, played, "changed back")
    # The versions that she compared: the English text of then had other words.
    body = {"clauses": ["article-2"], "version": english.version - 1, "counterpart_version": arabic.version}
    _said(http.post(f"{ENGLISH}/pair/translated", json=body))
    _moment(http, played, "marked again")
    _said(http.delete(f"{ENGLISH}/pair"))
    _moment(http, played, "parted")


class _Text:
    """A document that is written whole."""

    def __init__(self, http: httpx.Client, name: str) -> None:
        self._http, self._name = http, name
        self.version = 0

    def write(self, text: str) -> None:
        match = {"If-Match": f'"{self.version}"'} if self.version else {}
        answer = self._http.put(self._name, json={"content": text}, headers=match)
        _said(answer)
        self.version = answer.json()["version"]


def _said(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text


async def _read(service: Service) -> None:
    client = await Client.connect(service, service.token("rea", "read:document:*"))
    for name in (ENGLISH, ARABIC):
        await client.subscribe(f"document:{name}")
    await client.close()


def _moment(http: httpx.Client, played: PairedScenario, name: str) -> None:
    answer = http.get(f"{ENGLISH}/pair")
    sides = {"document": "first", "counterpart": "second"}
    played.answers[name] = {
        row["key"]: " ".join((row["status"], *(sides[side] for side in row.get("changed", ()))))
        for row in answer.json().get("clauses", ())
    }
    time.sleep(0.05)  # an act's outcome is written a moment after its answer
    played.moments[name] = time.time()
    time.sleep(0.01)  # entries carry milliseconds: before and after differ
