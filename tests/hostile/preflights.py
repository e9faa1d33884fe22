"""Questions of browsers before a call, from pages that may make it and from others."""

from __future__ import annotations

from tests.hostile.attacks import calls, get
from tests.hostile.rows import Row
from tests.hostile.target import ALLOWED

_ASKS_FOR_POST = ("Access-Control-Request-Method", "POST")
_CORS = ("access-control-allow-origin", "access-control-allow-methods")

ROWS = [
    # A foreign Origin is 403 on every path (docs/protocol.md#hosts-and-origins, over the table's 405).
    Row(
        "W03.2",
        "OPTIONS from a foreign origin",
        calls(get("/v1/publish", ("Origin", "https://evil.test"), method="OPTIONS"), "access-control-allow-origin"),
        "H(403) PERMISSION_DENIED",
    ),
    Row(
        "W03.3",
        "OPTIONS from an allowed origin",
        calls(get("/v1/publish", ("Origin", ALLOWED), method="OPTIONS"), "access-control-allow-origin"),
        "H(405) METHOD_NOT_ALLOWED access-control-allow-origin",
    ),
    Row(
        "W03.4",
        "a preflight from a foreign origin",
        calls(get("/v1/publish", ("Origin", "https://evil.test"), _ASKS_FOR_POST, method="OPTIONS"), *_CORS),
        "H(403) PERMISSION_DENIED",
    ),
    Row(
        "W03.5",
        "a preflight with two origins",
        calls(get("/v1/publish", ("Origin", ALLOWED), ("Origin", ALLOWED), _ASKS_FOR_POST, method="OPTIONS"), *_CORS),
        "H(403) PERMISSION_DENIED",
    ),
    Row(
        "W03.6",
        "a preflight of a path that there is not",
        calls(get("/v1/nothing", ("Origin", ALLOWED), _ASKS_FOR_POST, method="OPTIONS"), _CORS[1]),
        "H(404) NOT_FOUND",
    ),
]
