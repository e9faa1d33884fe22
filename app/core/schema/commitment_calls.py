"""The HTTP calls about commitments, in the table of all calls."""

from __future__ import annotations

from app.core.schema.call_forms import PAGE, REASON, HttpCallForm, Said, path_id, query_text
from dossier_realtime.protocol.events import AlertStatePayload
from dossier_realtime.protocol.http import commitments as forms
from dossier_realtime.protocol.http.forms import Nothing

_COMMITMENT = path_id("commitment", "The id of a commitment.")
_PATH = "/v1/commitments/{commitment}"
_ANSWER = forms.CommitmentAnswer

COMMITMENT_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        "/v1/commitments",
        "list_commitments",
        "List the commitments that you may see: open ones first, by their deadlines.",
        Said(forms.CommitmentPage),
        "token",
        (*PAGE, query_text("mou", "Commitments of one MoU.")),
    ),
    HttpCallForm(
        "get",
        "/v1/commitments/dry-run",
        "dry_run_commitments",
        "List the alerts that open commitments would raise between two times, if nobody acted.",
        Said(forms.DryRunAnswer),
        "token",
        (
            *(query_text(name, "A time: ISO 8601 text, or Unix seconds.") for name in ("from", "to")),
            query_text("policy", "Other days before a deadline: data-exchange:60/30/7, or JSON."),
            query_text("mou", "Commitments of one MoU."),
            *PAGE,
        ),
    ),
    HttpCallForm(
        "put",
        _PATH,
        "register_commitment",
        "Register a commitment, or change it; its clock raises alerts.",
        Said(_ANSWER, body=forms.CommitmentBody),
        "token",
        (_COMMITMENT, REASON),
        (403,),
    ),
    HttpCallForm(
        "get",
        _PATH,
        "read_commitment",
        "Read a commitment and its state.",
        Said(_ANSWER),
        "token",
        (_COMMITMENT,),
        (404,),
    ),
    HttpCallForm(
        "delete",
        _PATH,
        "delete_commitment",
        "Remove a commitment: nothing is raised any more.",
        Said(forms.CommitmentDeleted),
        "token",
        (_COMMITMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/ack",
        "acknowledge_commitment",
        "Take a commitment in hand, as a user who was alerted or as an operator.",
        Said(AlertStatePayload, body=Nothing, body_optional=True),
        "token",
        (_COMMITMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/complete",
        "complete_commitment",
        "Complete a commitment, and tell all who were alerted.",
        Said(_ANSWER, body=Nothing, body_optional=True),
        "token",
        (_COMMITMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/snooze",
        "snooze_commitment",
        "Raise nothing before a time.",
        Said(_ANSWER, body=forms.SnoozeBody),
        "token",
        (_COMMITMENT, REASON),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        f"{_PATH}/delegate",
        "delegate_commitment",
        "Let another user receive alerts in your place, until a time.",
        Said(_ANSWER, body=forms.DelegateBody),
        "token",
        (_COMMITMENT, REASON),
        (403, 404),
    ),
)
