"""CORS: headers that scripts of allowed origins may send and read (Fetch standard, "CORS protocol").

The token is in a header that a script sets itself, so credentials of the browser (cookies, certificates) are never
allowed, and no answer is for every origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tornado.httputil import HTTPServerRequest

REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Reason")
"""Headers that handlers read and that scripts may send. Allowed names are listed: `*` leaves Authorization out."""

ANSWER_HEADERS = ("Allow", "Content-Disposition", "ETag", "Location", "Retry-After", "WWW-Authenticate")
"""Headers that clients act on, beside those that scripts may always read."""

_MAX_AGE_SECONDS = "600"  # for which a browser remembers a preflight


def is_preflight(request: HTTPServerRequest) -> bool:
    """Return True for the preflight of a browser, before a script's call."""
    headers = request.headers
    return request.method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def answer_headers(allowed_origin: str) -> dict[str, str]:
    """Return the headers of every answer; `allowed_origin` is the caller's own, or "" for no browser and another one.

    `Vary` is on all: a cache must not give one origin the answer of another.
    """
    if not allowed_origin:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": allowed_origin,
        "Access-Control-Expose-Headers": ", ".join(ANSWER_HEADERS),
    }


def preflight_headers(methods: Iterable[str]) -> dict[str, str]:
    """Return the headers that the answer to a preflight has beside `answer_headers`."""
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(REQUEST_HEADERS),
        "Access-Control-Max-Age": _MAX_AGE_SECONDS,
    }
