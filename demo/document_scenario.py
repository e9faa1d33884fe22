"""Several participants edit one brief at the same time, each a sentence of their own."""

from __future__ import annotations

import json
from functools import partial
from random import Random

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from demo.content import texts, world
from demo.participant import RECONNECT_TIMEOUT_SECONDS, Participant
from demo.scenario_context import ScenarioContext
from dossier_realtime.client import DocumentEditor
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol import channels

BRIEFS = tuple(f"brief-{country.id}" for country in world.COUNTRIES[:3])
_EMOJI = ("😀", "👍🏽", "🇸🇦", "📊")


async def write_a_brief(context: ScenarioContext, participant: Participant, rng: Random) -> None:
    """Write a sentence word by word at the participant's cursor, and compare the text with the service's."""
    document = participant.client.document(rng.choice(BRIEFS))
    document.on_error(partial(_record_error, context, participant))
    try:
        await document.ready()
        written = await _write(context, document, rng)
        await document.wait_synced(RECONNECT_TIMEOUT_SECONDS)
        context.report.edits += written
        await _compare(context, participant, document)
    finally:
        document.close()


async def _write(context: ScenarioContext, document: DocumentEditor, rng: Random) -> int:
    """Write one sentence and return the number of edits."""
    recommendation = rng.choice(texts.RECOMMENDATIONS)
    sentence = f"{recommendation[rng.choice(('en', 'ar'))]} {rng.choice(_EMOJI)}.\n"
    ends = [0, *(at + 1 for at, unit in enumerate(to_units(document.text)) if unit == "\n")]
    document.move_cursor(rng.choice(ends))
    words = sentence.split(" ")
    for word in words:
        assert document.cursor is not None  # noqa: S101  it was just set
        document.insert(document.cursor.position, word if word is words[-1] else f"{word} ")
        await context.pause(rng, 0.05, 0.3)
    if rng.random() < 0.3:
        document.undo()
        document.redo()
    if rng.random() < 0.3:
        document.format(0, to_units(document.text).index("\n"), heading=rng.choice((1, 2, None)))
    return len(words)


async def _compare(context: ScenarioContext, participant: Participant, document: DocumentEditor) -> None:
    """Record a violation unless the service keeps the same text for this version."""
    version, text = document.version, document.text
    request = HTTPRequest(
        f"{context.http}/v1/documents/{channels.identifier(document.channel)}?version={version}",
        headers={"Authorization": f"Bearer {context.token(participant.person)}"},
    )
    kept = json.loads((await AsyncHTTPClient().fetch(request)).body)
    if kept["content"] != text:
        context.report.record_violation(
            f"{participant.person.user_id}: {document.channel} is another text at version {version}"
        )


def _record_error(context: ScenarioContext, participant: Participant, error: Exception) -> None:
    context.report.record_violation(f"{participant.person.user_id}: {error}")
