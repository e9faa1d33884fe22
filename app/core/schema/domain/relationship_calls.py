"""The HTTP calls about relationships, in the table of all calls."""

from __future__ import annotations

from app.core.schema.call_forms import PAGE, REASON, HttpCallForm, Parameter, Said, path_id
from dossier_realtime.protocol.http import relationships as forms
from dossier_realtime.recording.relationships.bands import ORDER

_RELATIONSHIP = path_id("relationship", "The id of a relationship.")
_PATH = "/v1/relationships/{relationship}"

RELATIONSHIP_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        "/v1/relationships",
        "list_relationships",
        "List the relationships that you may read, the worst score first.",
        Said(forms.RelationshipPage),
        "token",
        (*PAGE, Parameter("status", "query", {"type": "string", "enum": list(ORDER)}, "Relationships of one status.")),
    ),
    HttpCallForm(
        "get",
        _PATH,
        "read_relationship",
        "Read the score and the status of a relationship.",
        Said(forms.RelationshipRow),
        "token",
        (_RELATIONSHIP,),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/score",
        "score_relationship",
        "Give a relationship a score; a change of its status is published.",
        Said(forms.RelationshipRow, body=forms.ScoreBody),
        "token",
        (_RELATIONSHIP, REASON),
        (403,),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/facts",
        "add_relationship_facts",
        "Add facts that the score is computed from; those that are known are passed over.",
        Said(forms.FactsAnswer, body=forms.FactsBody),
        "token",
        (_RELATIONSHIP, REASON),
        (403, 409),
    ),
    HttpCallForm(
        "get",
        f"{_PATH}/why",
        "explain_relationship",
        "Read which facts moved the score, by how much and since when, and what is unknown.",
        Said(forms.WhyAnswer),
        "token",
        (_RELATIONSHIP,),
        (403, 404),
    ),
)
"""Every call about relationships, in the order of the routing table."""
