"""A brief in full: its stages, its end, its text and the facts that it rests on."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, Tone, badge, bar, facts, moment, names, reading, table
from dashboard.screen.viewer import Viewer
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.http.forms import BriefAnswer, BriefTexts

_STAGES = ("analyzing", "generating", "reviewing", "finalizing")
_TONES: dict[str, Tone] = {"failed": "bad", "cancelled": "muted", "complete": "good"}
_WORDS = {"queued": "started", "running": "progress"}
_OPEN = ("queued", "running")


def brief_details(row: BriefAnswer, viewer: Viewer) -> list[Block]:
    """Return the blocks of a brief."""
    say = viewer.say
    text = row.text if isinstance(row.text, BriefTexts) else None
    error = None if row.error is None else (row.error.ar if viewer.language == "ar" else row.error.en)
    items: list[tuple[str, Cell]] = [
        ("col.kind", viewer.word("brief_type", row.type)),
        ("col.dossier", f"{row.entity_type}:{row.entity_id}"),
        ("detail.requested_by", row.requested_by),
        ("detail.generator", row.generator),
        ("col.status", badge(viewer.word("brief", _WORDS.get(row.state, row.state)), _TONES.get(row.state, "info"))),
        ("col.progress", bar(row.progress, f"{row.progress:g} %")),
        ("col.since", moment(row.created_at)),
        ("detail.estimate", _seconds(row.estimated_time) if row.state in _OPEN else None),
        ("detail.took", None if row.generation_time is None else _seconds(row.generation_time)),
        ("detail.confidence", None if row.confidence_score is None else f"{100 * row.confidence_score:.0f} %"),
        ("detail.error", error),
        ("detail.text", None if text is None else reading(text.ar if viewer.language == "ar" else text.en)),
    ]
    sources = [
        (
            source.id,
            [
                source.id,
                source.section,
                source.text.ar if viewer.language == "ar" else source.text.en,
                names(source.channels),
                None if source.timestamp is None else moment(source.timestamp),
            ],
        )
        for source in row.sources or ()
    ]
    acts = [viewer.action("cancel", row.request_id)] if row.state in _OPEN else []
    if row.document is not None:
        acts.append(viewer.look("document", channels.identifier(row.document), "detail.open_document"))
    return [
        facts("detail-facts", [(say(key), cell) for key, cell in items if cell is not None]),
        table("detail-stages", say("detail.stages"), viewer.columns("stage", "status"), _stages(row, viewer), ""),
        *_confidence(row, viewer),
        table(
            "detail-sources",
            say("detail.sources"),
            viewer.columns("source", "section", "fact", "channels", "time"),
            sources,
            say("detail.no_sources"),
        ),
        {"id": "detail-actions", "kind": "actions", "acts": acts},
    ]


def _confidence(row: BriefAnswer, viewer: Viewer) -> list[Block]:
    """Return what the confidence of a brief follows from: its checks, or a sentence where there are none."""
    if row.confidence_score is None:
        return []
    how = "checked" if row.checks else "template" if row.generator == "template" else "claimed"
    sentence: Block = {"id": "detail-why", "kind": "banner", "tone": "info", "text": viewer.say(f"confidence.{how}")}
    if not row.checks:
        return [sentence]
    scores = {(check.name, check.language): check.score for check in row.checks}
    rows: list[tuple[str, list[Cell]]] = [
        (name, [viewer.word("check", name), *(_percent(scores.get((name, language))) for language in ("en", "ar"))])
        for name in dict.fromkeys(check.name for check in row.checks)
    ]
    columns = viewer.columns("check", "in_english", "in_arabic")
    return [sentence, table("detail-checks", viewer.say("detail.checks"), columns, rows, "")]


def _percent(score: float | None) -> str | None:
    return None if score is None else f"{100 * score:.0f} %"


def _stages(row: BriefAnswer, viewer: Viewer) -> list[tuple[str, list[Cell]]]:
    """Return each stage: over, the present one, or still to come; where the brief ended early, it stopped there."""
    at = _STAGES.index(row.stage) if row.stage in _STAGES else -1
    rows: list[tuple[str, list[Cell]]] = []
    for place, stage in enumerate(_STAGES):
        if row.state == "complete" or place < at:
            how: Cell = badge(viewer.say("detail.over"), "good")
        elif place == at and row.state in _OPEN:
            how = badge(viewer.say("detail.now"), "info")
        elif place == at:
            how = badge(viewer.say("detail.stopped"), "bad")
        else:
            how = badge(viewer.say("detail.later"), "muted")
        rows.append((stage, [viewer.word("stage", stage), how]))
    return rows


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.1f} s"
