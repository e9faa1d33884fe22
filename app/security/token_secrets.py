"""The secrets of the service: for tokens (HS256), the previous one during a rotation, and the token of the metrics.

They come from the environment or from a file of their own, never from a TOML file; files are read again on SIGHUP.
Outside production a missing secret is made.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec

from app.security.auth_settings import AuthSettings
from app.security.secret_strength import SECRET_BYTES, TOKEN_BYTES, guessable, weakness

SECRET_FILE = "development-secret"  # noqa: S105 - the name of a file, not what is in it


def complete(auth: AuthSettings, *, production: bool, data: Path, make: bool = True) -> tuple[AuthSettings, bool]:
    """Return the `[auth]` table with its secrets in place, and whether the current one was made up for development.

    Without `make` a development secret is only read, never made. Raises ValueError, in one line.
    """
    for name in ("secret", "previous_secret"):
        if getattr(auth, name) and getattr(auth, f"{name}_file"):
            raise ValueError(f"DOSSIER_AUTH__{name.upper()} and auth.{name}_file are both set: keep one of them")
    auth = read_files(auth, production=production)
    if auth.secret and not auth.symmetric:
        raise ValueError("a token secret is set, but auth.algorithms ask for a public key: keep one of the two")
    if auth.secret or not auth.symmetric:
        return auth, False
    if auth.previous_secret:
        raise ValueError("auth.previous_secret is set without a current one: set DOSSIER_AUTH__SECRET or secret_file")
    if production:
        raise ValueError(
            "auth: production needs a key of its own: set DOSSIER_AUTH__SECRET, auth.secret_file, "
            "or auth.algorithms and a public key"
        )
    if not make and not (data / SECRET_FILE).exists():
        raise ValueError(
            f"there is no secret: {data} holds no {SECRET_FILE}, which the service makes at its first start outside of "
            "production; name its folder with --data, or set DOSSIER_AUTH__SECRET or auth.secret_file"
        )
    return msgspec.structs.replace(auth, secret=development_secret(data)), True


def read_files(auth: AuthSettings, *, production: bool) -> AuthSettings:
    """Return the table with the secrets as their files hold them now; what came from elsewhere stays.

    An empty `previous_secret_file` means that there is none any more. Raises ValueError, in one line; in production
    for a secret that is easily guessed too.
    """
    if auth.secret_file:
        secret = _read("auth.secret_file", auth.secret_file)
        if not secret:
            raise ValueError("auth.secret_file is empty: put the secret there, 32 random bytes of text or more")
        auth = msgspec.structs.replace(auth, secret=secret)
    if auth.previous_secret_file:
        auth = msgspec.structs.replace(
            auth, previous_secret=_read("auth.previous_secret_file", auth.previous_secret_file)
        )
    if production and (warning := guessable_secret(auth)):
        raise ValueError(warning)
    return auth


def guessable_secret(auth: AuthSettings) -> str:
    """Return a sentence about a secret of the table that is easily guessed; "" where none is."""
    for name in ("secret", "previous_secret"):
        secret = getattr(auth, name)
        if secret and (weak := guessable(secret)):
            advice = f"give at least {SECRET_BYTES} random bytes, as from `openssl rand -hex 32`"
            return f"auth.{name}: the secret {weak}; {advice}"
    return ""


def api_key(key: str, key_file: str) -> str:
    """Return the key of the model's endpoint; "" where there is none. Raises ValueError."""
    return key or (_read("briefs.chat.api_key_file", key_file) if key_file else "")


def redis_password(password: str, password_file: str) -> str:
    """Return the password of the user in Redis; "" where there is none. Raises ValueError."""
    return password or (_read("storage.redis_password_file", password_file) if password_file else "")


def metrics_token(token: str, token_file: str) -> str:
    """Return the token that opens the metrics, as its file holds it now; "" without one.

    Raises ValueError, in one line.
    """
    if not token and not token_file:
        return ""
    token = token or _read("metrics.token_file", token_file)
    if weak := weakness(token, TOKEN_BYTES) or guessable(token):
        raise ValueError(f"metrics.token_file: the token {weak}; give one made by `openssl rand -hex 32`")
    return token


def development_secret(data: Path) -> str:
    """Return the secret kept in the data folder for development; made there, for its owner only, if there is none.

    48 random bytes in base64url. Raises ValueError if the folder cannot be used.
    """
    path = data / SECRET_FILE
    try:
        if not path.exists():
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = data / f".{SECRET_FILE}-{secrets.token_hex(8)}"
            with open(draft, "x", opener=_private, encoding="ascii") as file:
                file.write(secrets.token_urlsafe(48))
            with suppress(FileExistsError):  # of two processes that start at once, the first one's counts
                path.hardlink_to(draft)
            draft.unlink()
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"storage.data: no development secret can be kept there ({error}); "
            "choose a folder that can be written, or set DOSSIER_AUTH__SECRET"
        ) from error


def _read(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ValueError(f"{name} cannot be read as text: check its path and rights") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
