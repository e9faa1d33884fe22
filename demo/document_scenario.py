"""People who write a brief together: each a sentence of their own, at the same moment, in one text."""

from __future__ import annotations

import json
from functools import partial
from random import Random

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from demo.content import texts, world
from demo.participant import BACK_SECONDS, Desk
from demo.scenario_context import Stage
from dossier_realtime.client import DocumentEditor
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import channels

BRIEFS = tuple(f"brief-{country.id}" for country in world.COUNTRIES[:3])
_EMOJI = ("😀", "👍🏽", "🇸🇦", "📊")


async def write_a_brief(stage: Stage, desk: Desk, rng: Random) -> None:
    """A sentence, word by word at one's own cursor, among others who do the same; nothing of it may be lost."""
    document = desk.client.document(rng.choice(BRIEFS))
    document.on_error(partial(_wrong, stage, desk))
    try:
        await document.ready()
        written = await _write(stage, document, rng)
        await document.wait_synced(BACK_SECONDS)
        stage.facts.edits += written
        await _compare(stage, desk, document)
    finally:
        document.close()


async def _write(stage: Stage, document: DocumentEditor, rng: Random) -> int:
    """How many edits it took."""
    recommendation = rng.choice(texts.RECOMMENDATIONS)
    sentence = f"{recommendation[rng.choice(('en', 'ar'))]} {rng.choice(_EMOJI)}.\n"
    ends = [0, *(at + 1 for at, unit in enumerate(to_units(document.text)) if unit == "\n")]
    document.move_cursor(rng.choice(ends))
    words = sentence.split(" ")
    for word in words:
        assert document.cursor is not None  # noqa: S101  it was just set
        document.insert(document.cursor.position, word if word is words[-1] else f"{word} ")
        await stage.pause(rng, 0.05, 0.3)
    if rng.random() < 0.3:
        document.undo()
        document.redo()
    if rng.random() < 0.3:
        document.format(0, to_units(document.text).index("\n"), heading=rng.choice((1, 2, None)))
    return len(words)


async def _compare(stage: Stage, desk: Desk, document: DocumentEditor) -> None:
    """With everything confirmed, the text is the service's own of that version."""
    version, text = document.version, document.text
    request = HTTPRequest(
        f"{stage.http}/v1/documents/{channels.identifier(document.channel)}?version={version}",
        headers={"Authorization": f"Bearer {stage.token(desk.person)}"},
    )
    kept = json.loads((await AsyncHTTPClient().fetch(request)).body)
    if kept["content"] != text:
        stage.facts.surprise(f"{desk.person.user_id}: {document.channel} is another text at version {version}")


def _wrong(stage: Stage, desk: Desk, error: Exception) -> None:
    stage.facts.surprise(f"{desk.person.user_id}: {error}")
