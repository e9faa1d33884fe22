"""The HTTP calls about what waits for a person: inboxes and tasks."""

from __future__ import annotations

from app.core.schema.call_forms import PAGE, REASON, HttpCallForm, Parameter, Said, query_flag, query_number, query_text
from app.core.schema.portable import channel_name
from dossier_realtime.protocol.commands import NotificationAckPayload, NotificationSnoozePayload
from dossier_realtime.protocol.fields import MAX_SAFE_INTEGER
from dossier_realtime.protocol.http import inbox_forms as forms

INBOX_CALLS: tuple[HttpCallForm, ...] = (
    HttpCallForm(
        "get",
        "/v1/inbox",
        "read_inbox",
        "Read the events that wait for the caller, oldest first.",
        Said(forms.InboxPage),
        "token",
        (
            query_number("after", "The offset after which the page begins.", 0, MAX_SAFE_INTEGER, 0),
            query_number("limit", "Entries in one page.", 1, 200, 200),
            query_flag("unread", "Only entries that are neither read nor snoozed."),
            query_flag(
                "digest", "Entries of low priority as one row an hour. An hour that a page cuts has a row on each."
            ),
        ),
        (403,),
    ),
    HttpCallForm(
        "post",
        "/v1/inbox/ack",
        "mark_inbox_read",
        "Mark entries of the caller's inbox as read, on all devices.",
        Said(forms.InboxMarked, body=NotificationAckPayload),
        "token",
        (REASON,),
        (403, 404),
    ),
    HttpCallForm(
        "post",
        "/v1/inbox/snooze",
        "snooze_inbox_entry",
        "Let an entry of the caller's inbox wait until a time.",
        Said(forms.InboxMarked, body=NotificationSnoozePayload),
        "token",
        (REASON,),
        (403, 404),
    ),
    HttpCallForm(
        "get",
        "/v1/tasks",
        "list_tasks",
        "List the tasks of a channel, of an assignee, or all, that the caller may see: open ones first.",
        Said(forms.TaskRows),
        "token",
        (
            Parameter("channel", "query", channel_name("workspace", "user"), "The channel that speaks of the task."),
            query_text("assignee", "The id of the user who does the task."),
            *PAGE,
        ),
    ),
)
