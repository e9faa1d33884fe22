"""The data of a player, as plain JSON: the panes' blocks over time, every frame, every text. Pure.

The state is that of the dashboard's own reducer, rendered by the dashboard's own panes a few times a second and kept
as changes; the browser only puts blocks in place. Times are milliseconds since `start` (Unix seconds).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.language.i18n import LANGUAGES, Language, direction, locale, say, translations_for
from dashboard.playback.document_text import histories, written
from dashboard.playback.paired_texts import paired_texts
from dashboard.playback.replay import Replay
from dashboard.playback.timeline_marks import TimelineMarks
from dashboard.screen.blocks import Block
from dashboard.screen.listing import ListQuery
from dashboard.screen.panes import PANES
from dashboard.screen.view_model import changes
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.recording.recording import Recording
from dossier_realtime.rich_text.clause_words import CLAUSE_WORDS

PLAYER_PAGES = (
    *("overview", "presence", "documents", "alerts", "briefs", "limits"),
    *("relationships", "tasks", "connections"),
)
"""The pages that a player shows by default."""

MAX_ENTRIES = 50_000  # more would make the page too large for browsers
_ROWS = ListQuery(size=300)  # of each list; the number of all is shown beside it
_MIN_STEP_SECONDS = 0.2  # between two states
_MAX_STATES = 1_200
_WHOLE_STATE_EVERY = 200  # the others are kept as changes, for a quick jump in time


def playback(
    recording: Recording,
    since: float,
    until: float,
    pages: Sequence[str] = PLAYER_PAGES,
    languages: Sequence[Language] = LANGUAGES,
    *,
    newest: bool = False,
) -> dict[str, Any]:
    """Return the data of a player from `since` to `until` (Unix seconds). Counts begin at `since`.

    With more than MAX_ENTRIES entries it ends before the next one, or with `newest` begins behind the surplus; `cut`
    is the number of entries left out.
    """
    index = recording.index
    first, last = index.since(since), index.until(until)
    cut, end = max(0, last - first - MAX_ENTRIES), until
    if cut and newest:
        first += cut
        since = index.times[first]
    elif cut:
        last -= cut
        end = index.times[last - 1]
    states = _States(pages, languages, since, max(_MIN_STEP_SECONDS, (end - since) / _MAX_STATES))
    lanes = TimelineMarks(since)
    for number in range(last):
        entry, at = index.entry(number), index.times[number]
        if number == first:  # before the first rendering: earlier entries are not counted
            states.replay.begin(since)
        states.until(at)
        lanes.take(entry, at, shown=number >= first)
        states.replay.take(entry)
    states.tell(end)
    report = recording.verify()
    texts = histories(recording)
    documents = [written(text, since, end) for text in texts]
    return {
        "start": since,
        "length": round(1000 * (end - since)),
        "cut": cut,
        "newest": newest,
        "proof": {"ok": report.ok, "fault": "" if report.fault is None else str(report.fault)},
        "languages": {
            language: {
                "clauses": CLAUSE_WORDS[language]._asdict(),
                "words": translations_for(language, "js.") | translations_for(language, "player."),
                "locale": locale(language),
                "direction": direction(language),
                "pages": [[page, say(language, f"page.{page}")] for page in pages],
                "states": states.told[language],
            }
            for language in languages
        },
        **lanes.told(),
        "documents": documents,
        "pairs": paired_texts(recording.pairs, texts, [each["first"] for each in documents], since, end),
    }


class _States:
    """The state, rendered after each step of time in which entries came."""

    def __init__(self, pages: Sequence[str], languages: Sequence[Language], start: float, step: float) -> None:
        self.replay = Replay()
        self.step = step
        self.told: dict[Language, list[list[Any]]] = {language: [] for language in languages}
        self._pages = pages
        self._blocks: dict[Language, list[Block]] = {language: [] for language in languages}
        self._start = start
        self._steps = 0  # that were rendered
        self._revision = -1

    def until(self, at: float) -> None:
        """Render the steps that are over before `at`; all earlier entries were taken."""
        over = int((at - self._start) / self.step)
        if over < self._steps or at < self._start:
            return
        now = self._start + self._steps * self.step
        self._steps = over + 1
        self.tell(now)

    def tell(self, now: float) -> None:
        """Render at `now`, if the state changed; all entries up to it were taken."""
        self.replay.tell(now)
        if self.replay.state.revision != self._revision:
            self._revision = self.replay.state.revision
            for language in self.told:
                self._render(language, now)

    def _render(self, language: Language, at: float) -> None:
        told, blocks = self.told[language], _render(self.replay.state, self._pages, language, at)
        delta = changes(self._blocks[language], blocks)
        self._blocks[language] = blocks
        if len(told) % _WHOLE_STATE_EVERY == 0:
            delta = {"all": blocks}
        if delta is not None:
            told.append([round(1000 * (at - self._start)), delta])


def _render(state: DashboardState, pages: Sequence[str], language: Language, at: float) -> list[Block]:
    """Return the blocks of all pages, each with its page's name, without their actions: the past is read-only."""
    viewer = Viewer(language, "observer", reader(Clearance.SECRET))  # the recording holds permitted facts only
    return [
        {**_read_only(block), "id": f"{page}.{block['id']}", "page": page}
        for page in pages
        for block in PANES[page](state, viewer, at, _ROWS)
        if block["kind"] not in ("actions", "banner")
    ]


def _read_only(block: Block) -> Block:
    """Return a block without its actions."""
    if block["kind"] == "board":
        columns = [
            {**column, "cards": [{**card, "acts": []} for card in column["cards"]]} for column in block["columns"]
        ]
        return {**block, "columns": columns}
    names = [name for name, _ in block.get("columns", [])]
    if "actions" not in names:
        return block
    at = names.index("actions")
    rows = [{**row, "cells": [*row["cells"][:at], *row["cells"][at + 1 :]]} for row in block["rows"]]
    return {**block, "columns": [*block["columns"][:at], *block["columns"][at + 1 :]], "rows": rows}
