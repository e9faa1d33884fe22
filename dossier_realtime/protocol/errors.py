"""Error codes and close codes. The range of a close code decides whether a client reconnects."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    """`error_code` of an `error` message and of every HTTP error body. The first eight are the contract's."""

    AUTH_FAILED = "AUTH_FAILED"
    INVALID_TOKEN = "INVALID_TOKEN"  # noqa: S105  a code's name, no secret
    SUBSCRIPTION_FAILED = "SUBSCRIPTION_FAILED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    INVALID_MESSAGE_FORMAT = "INVALID_MESSAGE_FORMAT"
    CHANNEL_NOT_FOUND = "CHANNEL_NOT_FOUND"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    # Additions, for cases that the contract's eight do not cover.
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class CloseCode(IntEnum):
    """WebSocket close codes: RFC 6455 below 4000; ours above (docs/protocol.md#close-codes)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    # 4000-4499: reconnect, with jitter.
    SLOW_CONSUMER = 4000
    HEARTBEAT_LOST = 4001
    TOKEN_EXPIRED = 4002
    POSITION_LOST = 4003
    RATE_ABUSE = 4004
    AUTH_TIMEOUT = 4005
    # 4500-4999: do not reconnect.
    AUTH_FAILED = 4500
    REVOKED = 4501
    PROTOCOL_ABUSE = 4502
    CONNECTION_LIMIT = 4503
    SESSION_REPLACED = 4504

    @property
    def come_back(self) -> bool:
        """True where a client that was closed with this code should reconnect."""
        return may_come_back(self)


_FINAL_STANDARD = frozenset({1000, 1002, 1003, 1007, 1009})


def may_come_back(code: int) -> bool:
    """Return True where the client should reconnect; also for unknown and missing codes (1005, 1006)."""
    return code not in _FINAL_STANDARD and not 4500 <= code <= 4999


MEANINGS: dict[ErrorCode | CloseCode, str] = {
    ErrorCode.AUTH_FAILED: "The connection did not authenticate, or wanted to become another user.",
    ErrorCode.INVALID_TOKEN: "The token is malformed, mis-signed, foreign, expired or revoked; get another.",
    ErrorCode.SUBSCRIPTION_FAILED: "Not open to this user, or too many subscriptions.",
    ErrorCode.PERMISSION_DENIED: "The user may not do this there, or the message names another user.",
    ErrorCode.RATE_LIMIT_EXCEEDED: "Too many messages or connections. Wait for `retry_after` seconds.",
    ErrorCode.INVALID_MESSAGE_FORMAT: "The message is not of its form; `message` names the JSON path.",
    ErrorCode.CHANNEL_NOT_FOUND: "The channel's name begins with no known namespace.",
    ErrorCode.VERSION_CONFLICT: "The change is to another version. Load the present one (by socket: subscribe anew).",
    ErrorCode.SERVICE_UNAVAILABLE: "Changes cannot be kept, or tokens verified, now. Send it again, with the same key.",
    ErrorCode.NOT_FOUND: "HTTP: there is nothing at this path.",
    ErrorCode.METHOD_NOT_ALLOWED: "HTTP: the path has no such method; `Allow` names those it has.",
    ErrorCode.INTERNAL_ERROR: "A fault of the service, in its log. Send it again later, with the same key.",
    CloseCode.NORMAL: "Done.",
    CloseCode.GOING_AWAY: "The peer goes away.",
    CloseCode.PROTOCOL_ERROR: "Broken framing, an unmasked frame or an invalid close code.",
    CloseCode.UNSUPPORTED_DATA: "A binary frame; send text.",
    CloseCode.INVALID_TEXT: "Text that is not UTF-8.",
    CloseCode.TOO_BIG: "A message over the size limit.",
    CloseCode.INTERNAL_ERROR: "A fault of the service, in its log.",
    CloseCode.SERVICE_RESTART: "The service restarts.",
    CloseCode.TRY_AGAIN_LATER: "The service is full, or cannot open the session now.",
    CloseCode.SLOW_CONSUMER: "The client read too slowly; recover with `since`.",
    CloseCode.HEARTBEAT_LOST: "Nothing came from the client for too long, or a frame took too long.",
    CloseCode.TOKEN_EXPIRED: "The token expired and was not renewed. Come back with a new one.",
    CloseCode.POSITION_LOST: "The service lost the connection's place in a channel; recover with `since`.",
    CloseCode.RATE_ABUSE: "Far too many messages past the limit. Wait for the next window.",
    CloseCode.AUTH_TIMEOUT: "No `auth` came in time.",
    CloseCode.AUTH_FAILED: "Authentication failed; another token is needed.",
    CloseCode.REVOKED: "The token was revoked, or an operator ended the session.",
    CloseCode.PROTOCOL_ABUSE: "Too many invalid messages in a minute; the client is faulty.",
    CloseCode.CONNECTION_LIMIT: "The user has too many connections; close another first.",
    CloseCode.SESSION_REPLACED: "A newer connection resumed this session.",
}
"""The meaning of each code and the remedy, in one sentence or two."""
