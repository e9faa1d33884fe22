"""The configuration: defaults, then a file, then the environment, then the command line; checked before use.

Each value is checked where it comes from, so that an error names its key, its source and the allowed values. Then the
whole is checked for combinations that are unsafe. Every fault is one ConfigError of one line.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import msgspec

from app.configuration.checks import check_dashboard, check_together
from app.configuration.settings import Tables
from app.security import token_secrets
from app.security.auth import TokenVerifier

DEFAULTS = Path(__file__).parents[2] / "config" / "default.toml"
PREFIX = "DOSSIER_"

_SECRETS = {
    ("auth", "secret"): "DOSSIER_AUTH__SECRET or auth.secret_file",
    ("auth", "previous_secret"): "DOSSIER_AUTH__PREVIOUS_SECRET or auth.previous_secret_file",
    ("metrics", "token"): "DOSSIER_METRICS__TOKEN or metrics.token_file",
    ("storage", "redis_password"): "DOSSIER_STORAGE__REDIS_PASSWORD or storage.redis_password_file",
    ("briefs", "chat", "api_key"): "DOSSIER_BRIEFS__CHAT__API_KEY or briefs.chat.api_key_file",
    ("dashboard", "oidc", "client_secret"): "DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET or "
    "dashboard.oidc.client_secret_file",
}
KEYS_OF_SERVICE = tuple(f"{PREFIX}{'__'.join(path).upper()}" for path in _SECRETS if path[0] != "dashboard")
"""The environment variables that hold a secret of the service's own."""
_HIDDEN = {*_SECRETS, ("storage", "engine")}  # values that are, or may hold, a secret


class ConfigError(Exception):
    """A fault of the configuration, in one line that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else " " for c in message))


class Config(Tables, frozen=True):
    """Every setting, checked. `auth.secret` is filled in, from wherever it came."""

    development_secret: bool
    """True where the secret was made for development, which the start prints."""


class _Setting(NamedTuple):
    path: tuple[str, ...]
    value: Any
    source: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


def load(
    config_file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    keys: bool = True,
    make: bool = True,
) -> Config:
    """Return the configuration in force. `overrides` come from the command line: `{"server.port": 0}`.

    Reads the file of the secret. Outside production, without a secret or a key, it makes a development secret; with
    `make` false it only reads one that was made before, and to find none is an error.

    Without `keys` it is for a process that signs, verifies and serves nothing of the service: no key is read or made,
    `auth.secret` stays empty, and of the settings that must fit together only those of the dashboard are checked.

    Raises ConfigError and nothing else.
    """
    if not keys:
        environ = {name: value for name, value in environ.items() if name not in KEYS_OF_SERVICE}
    merged: dict[str, Any] = {}
    for setting in _settings(config_file, environ, overrides or {}):
        _check(setting)
        table = merged
        for name in setting.path[:-1]:
            table = table.setdefault(name, {})
        table[setting.path[-1]] = setting.value
    try:
        tables = msgspec.convert(merged, Tables)
        if keys:
            check_together(tables)
        check_dashboard(tables)
        auth, made_up = tables.auth, False
        if keys:
            auth, made_up = token_secrets.complete(
                tables.auth, production=tables.server.production, data=Path(tables.storage.data), make=make
            )
            TokenVerifier(auth)  # reads and measures the keys
    except msgspec.ValidationError as error:
        raise ConfigError(str(error).partition(" - at `")[0]) from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    values = {name: getattr(tables, name) for name in tables.__struct_fields__}
    return Config(**values | {"auth": auth}, development_secret=made_up)


def _settings(
    config_file: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Iterator[_Setting]:
    """Yield every single value; later ones override earlier ones."""
    for file in (DEFAULTS, config_file):
        if file is not None:
            yield from _from_file(file)
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX) and (setting := _from_variable(name, text)) is not None:
            yield setting
    for key, value in overrides.items():
        yield _Setting(tuple(key.split(".")), value, "the command line")


def _from_file(file: Path) -> Iterator[_Setting]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}): check its path and rights") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is no valid TOML: {error}") from error
    for setting in _leaves((), content, str(file)):
        if setting.path in _SECRETS:
            raise ConfigError(
                f"{setting.key} must not be in a file that is kept with the code ({file}): remove it, "
                f"and set {_SECRETS[setting.path]}"
            )
        yield setting


def _leaves(path: tuple[str, ...], table: dict[str, Any], source: str) -> Iterator[_Setting]:
    for name, value in table.items():
        here = (*path, name)
        kind = _kind(here)
        if isinstance(value, dict) and (_fields(kind) is not None or get_origin(kind) is dict):
            yield from _leaves(here, value, source)
        else:
            yield _Setting(here, value, source)


def _from_variable(name: str, text: str) -> _Setting | None:
    """Return the setting of a DOSSIER_ variable; None for a variable that is no setting."""
    words = name.removeprefix(PREFIX).lower()
    source = f"the environment variable {name}"
    if "__" not in words:
        section, _, key = words.partition("_")
        if _kind((section,)) is None:
            return None  # a variable of another program: DOSSIER_URL and the like
        meant = f"{PREFIX}{section}__{key or 'key'}".upper()
        raise ConfigError(f"{source} sets nothing: two underscores follow the section, as in {meant}")
    path = tuple(words.split("__"))
    if path in _SECRETS and not text.strip():
        raise ConfigError(f"{source} is set, but empty: give it a secret, or unset it")
    schema = _schema(_kind(path))
    value: Any = text
    if schema.get("type") == "array" and not text.lstrip().startswith("["):
        value = [item.strip() for item in text.split(",") if item.strip()]
    elif schema.get("type") in ("array", "boolean", "integer", "number"):
        # A value that is no JSON stays text: the check refuses it and names the allowed values.
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            value = msgspec.json.decode(text)
    return _Setting(path, value, source)


def _check(setting: _Setting) -> None:
    kind = _kind(setting.path)
    if kind is None:
        known = _fields(_kind(setting.path[:-1]))
        hint = f"; known here: {', '.join(known)}" if known else ""
        raise ConfigError(f"{setting.key[:64]}: unknown key, in {setting.source}{hint}")
    try:
        msgspec.convert(setting.value, kind, strict=True)
    except msgspec.ValidationError:
        shown = "this value" if setting.path in _HIDDEN else repr(setting.value)[:64]
        raise ConfigError(
            f"{setting.key}: {shown}, in {setting.source}, is not allowed; give {_allowed(kind)}"
        ) from None


def _kind(path: tuple[str, ...]) -> Any:
    """Return the type of the value at a path; None if there is no such setting."""
    kind: Any = Tables
    for name in path:
        fields = _fields(kind)
        if fields is not None:
            kind = fields.get(name)
        elif get_origin(kind) is dict:
            name_kind, kind = get_args(kind)
            try:
                msgspec.convert(name, name_kind)
            except msgspec.ValidationError:
                return None
        else:
            return None
    return kind


def _fields(kind: Any) -> dict[str, Any] | None:
    """Return the keys of a table and their types; None if it is no table."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(kind)}
    return None


def _schema(kind: Any) -> dict[str, Any]:
    return {} if kind is None else msgspec.json.schema(kind)


def _allowed(kind: Any) -> str:
    """Return the values that a type allows, in words."""
    schema = _schema(kind)
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return " or ".join(f'"{value}"' for value in schema["enum"])
    nouns = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}
    nouns |= {"string": "text", "array": "a list"}
    words = nouns.get(schema.get("type", ""), "a table")
    if "minimum" in schema:
        words += f" from {schema['minimum']} to {schema['maximum']}"
    if "exclusiveMinimum" in schema:
        words += f" above {schema['exclusiveMinimum']:g}, {schema['maximum']} at most"
    return words
