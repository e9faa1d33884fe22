"""The HTTP calls about briefs."""

from __future__ import annotations

from app.core.schema.call_forms import KEY, PAGE, REASON, HttpCallForm, Said, path_id
from dossier_realtime.protocol.commands import BriefRequestPayload
from dossier_realtime.protocol.http import forms

BRIEF_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "post",
        "/v1/briefs",
        "request_brief",
        "Ask for a brief about an entity that you may read; its progress comes on your own channel.",
        Said(forms.RequestedBriefAnswer, body=BriefRequestPayload, status=202),
        "token",
        (KEY, REASON),
        (403, 409),
    ),
    HttpCallForm(
        "get",
        "/v1/briefs",
        "list_briefs",
        "List your own briefs, or all with `admin:*`: open ones first, then the newest.",
        Said(forms.BriefPageAnswer),
        "token",
        PAGE,
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/claim",
        "claim_brief",
        "Take a waiting brief to write it, as a program with `write:user:*`. 404: none waits.",
        Said(forms.ClaimedBriefAnswer, body=forms.BriefClaim, body_optional=True),
        "token",
        (REASON,),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/{request}/progress",
        "report_brief_progress",
        "Report a step of a brief that you hold.",
        Said(forms.BriefRowAnswer, body=forms.BriefWorkerProgress),
        "token",
        (path_id("request", "The `request_id` of the brief."), REASON),
        (403, 409),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/{request}/complete",
        "complete_brief",
        "Hand in the text of a brief that you hold.",
        Said(forms.BriefRowAnswer, body=forms.BriefWorkerText),
        "token",
        (path_id("request", "The `request_id` of the brief."), REASON),
        (403, 409),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/{request}/failed",
        "fail_brief",
        "Give up a brief that you hold: it fails.",
        Said(forms.BriefRowAnswer, body=forms.BriefWorkerFailure),
        "token",
        (path_id("request", "The `request_id` of the brief."), REASON),
        (403, 409),
    ),
    HttpCallForm(
        "get",
        "/v1/briefs/{request}",
        "read_brief",
        "Read a brief, with its text and sources once it is complete.",
        Said(forms.BriefAnswer),
        "token",
        (path_id("request", "The `request_id` of the brief."),),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/briefs/{request}/cancel",
        "cancel_brief",
        "Stop a brief, as its owner or as an operator.",
        Said(forms.BriefEnded, body=forms.Nothing, body_optional=True),
        "token",
        (path_id("request", "The `request_id` of the brief."), REASON),
        (403, 404),
    ),
)
"""Every call about briefs, in the order of the routing table."""
