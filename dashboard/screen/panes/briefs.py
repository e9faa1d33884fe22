"""The page of briefs: progress, duration, and the ones that are stalled."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, Tone, actions, badge, bar, moment, row, short, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import BriefView
from dashboard.state.store import DashboardState

_ID_CHARS = 8  # of a brief's id
STALLED_SECONDS = 30  # without progress
_ORDER = {"stalled": 0, "started": 1, "progress": 1, "failed": 2, "cancelled": 2, "complete": 3}
_TONES: dict[str, Tone] = {"stalled": "bad", "failed": "bad", "cancelled": "muted", "complete": "good"}


def briefs(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the briefs, stalled ones first."""
    say = viewer.say
    seen = [brief for brief in state.briefs.values() if viewer.shows(state, brief.fact)]
    rows = sorted(((standing(brief, at), brief) for brief in seen), key=_rank)
    return [
        *viewer.note(),
        table(
            "briefs",
            say("table.briefs"),
            viewer.columns("brief", "kind", "dossier", "status", "stage", "progress", "since", "eta", "actions"),
            Rows(rows, lambda one: row(one[1].request_id, _cells(*one, viewer))),
            viewer.nothing("empty.briefs"),
            wide=True,
            kept=viewer.kept(state.briefs),
        ),
        *viewer.heard(state, "briefs"),
    ]


def _cells(how: str, brief: BriefView, viewer: Viewer) -> list[Cell]:
    return [
        short(brief.request_id, _ID_CHARS),
        viewer.word("brief_type", brief.facts.brief_type or ""),
        brief.facts.entity_id or "",
        badge(viewer.word("brief", how), _TONES.get(how, "info")),
        viewer.word("stage", brief.stage),
        bar(brief.progress, f"{brief.progress} %"),
        moment(brief.started),
        _expected(brief, how),
        actions(
            viewer.look("brief", brief.request_id),
            *([viewer.action("cancel", brief.request_id)] if _ORDER[how] < 2 else []),
        ),
    ]


def standing(brief: BriefView, at: float) -> str:
    """Return the brief's state; `stalled` after STALLED_SECONDS without progress."""
    running = brief.state in ("started", "progress")
    if running and at - brief.moved > STALLED_SECONDS:
        return "stalled"
    return brief.state if brief.state in _ORDER else "progress"


def _rank(row: tuple[str, BriefView]) -> tuple[int, float, str]:
    how, brief = row
    return _ORDER[how], -brief.started, brief.request_id


def _expected(brief: BriefView, how: str) -> Cell:
    estimate = brief.facts.estimated_time
    if how not in ("started", "progress") or not isinstance(estimate, int | float):
        return None
    return moment(brief.started + estimate / 1000)
