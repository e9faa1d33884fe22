"""The sentences for calls that fail: where a setting is wrong, the one to mend is named.

The errors of the package, of OpenSSL and of the server differ in type by the way they came (a server, a cluster,
through sentinels); their texts do not.
"""

from __future__ import annotations

from typing import Final

from redis.exceptions import TimeoutError as RedisTimeoutError

from app.engine.ports.errors import Unavailable

_AUTHORITY = "its certificate is of no authority that is trusted here: set storage.redis_ca_file to the PEM of its own"
_NAME = "its certificate is for another host: name the host in storage.engine as the certificate does"
_LOGIN = "it refuses the user or the password: check storage.redis_user and storage.redis_password_file"
_MASTER = (
    "too few of the sentinels can be reached that name the same living master: check the hosts and the service in "
    "storage.engine, and over TLS storage.redis_ca_file"
)
_TROUBLES: Final = (
    ("No master found", _MASTER),
    ("Hostname mismatch", _NAME),
    ("IP address mismatch", _NAME),
    ("certificate has expired", "its certificate has expired: renew it there"),
    ("CERTIFICATE_VERIFY_FAILED", _AUTHORITY),
    ("WRONG_VERSION_NUMBER", "it speaks no TLS at that port: name its tls-port, or begin storage.engine with redis"),
    ("record layer failure", "it speaks no TLS at that port: name its tls-port, or begin storage.engine with redis"),
    ("invalid username-password pair", _LOGIN),
    ("WRONGPASS", _LOGIN),
    ("NOAUTH", _LOGIN),
    ("Authentication required", _LOGIN),
    ("without any password configured", "it has no password for the default user: set storage.redis_user"),
    ("no permissions", "the user may not do what the service needs: give it the rights of config/users.acl"),
    ("No permissions", "the user may not do what the service needs: give it the rights of config/users.acl"),
)


def refused(error: BaseException) -> Unavailable:
    """Return what the caller of a failed call is told."""
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return Unavailable("Redis does not answer: try again in a few seconds, or check the server")
    text = str(error)
    for sign, trouble in _TROUBLES:
        if sign in text:
            return Unavailable(f"Redis cannot be used, because {trouble}")
    return Unavailable(f"Redis cannot do this now ({text}): try again in a few seconds, or check the server")
