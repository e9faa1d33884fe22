"""Defaults, file, environment and command line: what wins, what is refused, and what the refusal says."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.configuration.config import DEFAULTS, Config, ConfigError, load
from app.configuration.settings import Tables
from app.security.token_secrets import development_secret

SECRET = "a secret for these tests only, of more than 32 bytes"
ENVIRON = {"DOSSIER_AUTH__SECRET": SECRET}
PRODUCTION = DEFAULTS.with_name("production.toml")


def leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def read(config: Config, path: tuple[str, ...]) -> Any:
    value: Any = msgspec.to_builtins(config)
    for name in path:
        value = value[name]
    return value


def variable(path: tuple[str, ...]) -> str:
    return "DOSSIER_" + "__".join(path).upper()


def refusal(file: Path | None = None, environ: dict[str, str] | None = None, **overrides: object) -> str:
    with pytest.raises(ConfigError) as refused:
        load(file, ENVIRON | (environ or {}), overrides)
    line = str(refused.value)
    assert "\n" not in line
    return line


DEFAULT_LEAVES = list(leaves(tomllib.loads(DEFAULTS.read_text())))
KEYS = [pytest.param(path, value, id=".".join(path)) for path, value in DEFAULT_LEAVES]


def test_every_key_is_documented_by_a_comment_directly_above_it() -> None:
    lines = DEFAULTS.read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if line[:1].isalpha()]
    assert len(keys) == len(DEFAULT_LEAVES)
    assert [lines[i] for i in keys if not lines[i - 1].startswith("# ")] == []


def test_every_setting_but_the_secret_has_its_default_in_the_file() -> None:
    defaults = tomllib.loads(DEFAULTS.read_text())
    expected = {
        table.name: {field.name for field in msgspec.structs.fields(table.type)}
        for table in msgspec.structs.fields(Tables)
    }
    expected["auth"] -= {"secret", "previous_secret"}
    expected["metrics"].remove("token")
    expected["storage"].remove("redis_password")
    assert {name: set(table) for name, table in defaults.items()} == expected


def test_every_number_has_a_lowest_and_a_highest_value() -> None:
    _, definitions = msgspec.json.schema_components([Tables])
    numbers = [
        (table, name, schema)
        for table, definition in definitions.items()
        for name, schema in definition["properties"].items()
        if schema.get("type") in ("integer", "number")
    ]
    assert len(numbers) > 30
    for table, name, schema in numbers:
        assert "maximum" in schema, f"{table}.{name}"
        assert {"minimum", "exclusiveMinimum"} & schema.keys(), f"{table}.{name}"


@pytest.mark.parametrize(("path", "value"), KEYS)
def test_every_key_can_be_set_in_the_environment(path: tuple[str, ...], value: Any) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    config = load(None, ENVIRON | {variable(path): text})
    assert read(config, path) == read(load(None, ENVIRON), path)


@pytest.mark.parametrize(("path", "value"), KEYS)
def test_every_key_refuses_a_value_of_another_type_and_says_where_it_came_from(
    path: tuple[str, ...], value: Any, tmp_path: Path
) -> None:
    wrong = "5" if isinstance(value, str) else '"x"'
    file = tmp_path / "mine.toml"
    file.write_text(f"[{'.'.join(path[:-1])}]\n{path[-1]} = {wrong}\n")
    line = refusal(file)
    assert line.startswith(f"{'.'.join(path)}: ")
    assert str(file) in line
    assert "; give " in line


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[server]\nport = 1001\ndrain_seconds = 1\n[limits]\nedit = 7\n")
    environ = ENVIRON | {"DOSSIER_SERVER__PORT": "1002", "DOSSIER_SERVER__DRAIN_SECONDS": "2.5"}
    config = load(file, environ, {"server.port": 1003})
    assert (config.server.port, config.server.drain_seconds, config.limits.edit) == (1003, 2.5, 7)
    assert config.limits.cursor == 1200


@pytest.mark.parametrize("text", ["a.test,b.test:8000", " a.test , b.test:8000 ", '["a.test", "b.test:8000"]'])
def test_a_list_in_the_environment_is_written_with_commas_or_as_json(text: str) -> None:
    config = load(None, ENVIRON | {"DOSSIER_SERVER__ALLOWED_HOSTS": text})
    assert config.server.allowed_hosts == ("a.test", "b.test:8000")


def test_a_role_has_its_own_limits_and_the_common_ones_where_it_names_none() -> None:
    limits = load(None, ENVIRON | {"DOSSIER_LIMITS__ROLES__EDITOR__EDIT": "900"}).limits
    assert limits.limit("edit", "editor") == 900
    assert limits.limit("general", "editor") == limits.general == limits.limit("general", "anybody")
    assert limits.limit("general", "service") == 6000


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[server]\nprot = 1", "server.prot: unknown key"),
        ("[sever]\nport = 1", "sever: unknown key"),
        ("port = 1", "port: unknown key"),
        ("server = 1", "server: 1"),
        ("development_secret = true", "development_secret: unknown key"),
        ("[server.port]\nx = 1", "server.port: {'x': 1}"),
        ("[limits.roles.service]\npong = 1", "limits.roles.service.pong: unknown key"),
        ("[limits.roles.'a b']\nedit = 1", "limits.roles.a b"),
        ("[server]\n'a\\nb' = 1", "server.a\\nb: unknown key"),
        ('[server]\n"a\\nb" = 1', "server.a b: unknown key"),
        (f"[auth]\nsecret = '{SECRET}'", "auth.secret must not be in a file"),
        ("[server", "mine.toml is no valid TOML"),
        ("x = " + "[" * 5_000, "mine.toml is no valid TOML"),
    ],
)
def test_a_file_that_says_what_nobody_reads_is_refused(content: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    line = refusal(file)
    assert named in line
    assert SECRET not in line


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    assert "absent.toml cannot be read" in refusal(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "binary.toml is no valid TOML" in refusal(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DOSSIER_SERVER__PORT", "65536"),
        ("DOSSIER_SERVER__PORT", "-1"),
        ("DOSSIER_SERVER__PORT", "8000.5"),
        ("DOSSIER_SERVER__PORT", ""),
        ("DOSSIER_SERVER__PORT", "8000\nhost = '0.0.0.0'"),
        ("DOSSIER_SERVER__PORT", "1" * 5_000),
        ("DOSSIER_SERVER__PORT", "[" * 5_000),
        ("DOSSIER_SERVER__PRODUCTION", "yes"),
        ("DOSSIER_SERVER__PRODUCTION", "1"),
        ("DOSSIER_SERVER__HOST", ""),
        ("DOSSIER_SERVER__HOST", "127.0.0.1 "),
        ("DOSSIER_SERVER__ALLOWED_HOSTS", "*"),
        ("DOSSIER_SERVER__ALLOWED_HOSTS", "*.example.org"),
        ("DOSSIER_SERVER__ALLOWED_HOSTS", "https://example.org"),
        ("DOSSIER_SERVER__ALLOWED_HOSTS", "Example.org"),
        ("DOSSIER_SERVER__ALLOWED_ORIGINS", "*"),
        ("DOSSIER_SERVER__ALLOWED_ORIGINS", "null"),
        ("DOSSIER_SERVER__ALLOWED_ORIGINS", "https://example.org/"),
        ("DOSSIER_SERVER__ALLOWED_ORIGINS", "example.org"),
        ("DOSSIER_SERVER__ALLOWED_ORIGINS", "[1]"),
        ("DOSSIER_SERVER__DRAIN_SECONDS", "NaN"),
        ("DOSSIER_SERVER__DRAIN_SECONDS", "1e400"),
        ("DOSSIER_LIMITS__GENERAL", "0"),
        ("DOSSIER_LIMITS__WARNING_RATIO", "1.01"),
        ("DOSSIER_LIMITS__ROLES", '{"service": {}}'),
        ("DOSSIER_LIMITS__ROLES__SERVICE__EDIT", "many"),
        ("DOSSIER_STORAGE__ENGINE", "sqlite"),
        ("DOSSIER_STORAGE__ENGINE", "redis://"),
        ("DOSSIER_STORAGE__ENGINE", "redis://localhost:99999"),
        ("DOSSIER_STORAGE__ENGINE", "redis://localhost/zero"),
        ("DOSSIER_STORAGE__DATA", ""),
        ("DOSSIER_AUTH__ALGORITHMS", "none"),
        ("DOSSIER_AUTH__ALGORITHMS", "HS256,RS256"),
        ("DOSSIER_AUTH__ALGORITHMS", ""),
        ("DOSSIER_AUTH__LEEWAY", "61"),
        ("DOSSIER_AUTH__SECRET", "too short"),
        ("DOSSIER_AUTH__SECRET_FILE", "/dev/null/nothing"),
        ("DOSSIER_CHANNELS__CLASSIFICATION", '[{"pattern": "a b", "level": "secret"}]'),
        ("DOSSIER_CHANNELS__CLASSIFICATION", '[{"pattern": "global", "level": "cosmic"}]'),
        ("DOSSIER_CHANNELS__CLASSIFICATION", "global=public"),
        ("DOSSIER_LOG__LEVEL", "loud"),
        ("DOSSIER_NODE__ID", "a/b"),
        ("DOSSIER_NODE__ID", ".."),
        ("DOSSIER_SESSION__LIVENESS_TIMEOUT", "25"),
        ("DOSSIER_SERVER__PROT", "1"),
        ("DOSSIER_SERVER__PORT__X", "1"),
        ("DOSSIER_SERVER_PORT", "1"),
        ("DOSSIER_AUTH_SECRET", SECRET),
        ("DOSSIER_SERVER", "1"),
        ("DOSSIER___", "1"),
    ],
)
def test_junk_in_the_environment_is_refused_in_one_line(name: str, text: str) -> None:
    line = refusal(environ={name: text})
    assert len(line) < 400
    assert SECRET not in line


@given(text=st.text(max_size=200), path=st.sampled_from([path for path, _ in DEFAULT_LEAVES]))
def test_whatever_stands_in_the_environment_the_answer_is_a_config_or_one_line(
    text: str, path: tuple[str, ...]
) -> None:
    try:
        config = load(None, ENVIRON | {variable(path): text})
    except ConfigError as refused:
        assert str(refused).isprintable()  # noqa: PT017 - that it may also be accepted is the point
    else:
        assert isinstance(config, Config)


def test_a_variable_of_another_program_is_left_alone() -> None:
    assert load(None, ENVIRON | {"DOSSIER_URL": "x", "DOSSIER": "x", "OTHER__PORT": "x"}) == load(None, ENVIRON)


def test_a_secret_is_never_repeated_in_what_is_printed() -> None:
    assert "hunter2" not in refusal(environ={"DOSSIER_AUTH__SECRET": "hunter2"})
    assert "hunter2" not in refusal(environ={"DOSSIER_STORAGE__ENGINE": "redis://me:hunter2@host:99999"})
    assert "hunter2" not in refusal(environ={"DOSSIER_STORAGE__ENGINE": "redis://me:hunter2@@"})
    assert SECRET not in repr(load(None, ENVIRON))


PROVIDER = {
    "dashboard.oidc.issuer": "https://id.example.org/realms/office",
    "dashboard.oidc.client_id": "dossier-dashboard",
    "dashboard.service": "https://realtime.example.org",
}


def test_an_identity_provider_needs_an_address_and_our_name_there() -> None:
    oidc = load(None, ENVIRON, PROVIDER).dashboard.oidc
    assert (oidc.issuer, oidc.client_id) == ("https://id.example.org/realms/office", "dossier-dashboard")
    assert not load(None, ENVIRON).dashboard.oidc.issuer


def test_the_worked_example_for_administrators_is_accepted(tmp_path: Path) -> None:
    page = (DEFAULTS.parents[1] / "docs" / "administrators.md").read_text()
    file = tmp_path / "example.toml"
    examples = [block.partition("```")[0] for block in page.split("```toml\n")[1:]]
    file.write_text(next(example for example in examples if "[dashboard.oidc]" in example))
    assert load(file, {}).dashboard.oidc.client_id == "dossier-dashboard"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"dashboard.oidc.issuer": "http://id.example.org"}, "dashboard.oidc.issuer must begin with https://"),
        ({"dashboard.oidc.issuer": "http://localhost.evil.test"}, "dashboard.oidc.issuer must begin with https://"),
        ({"dashboard.oidc.issuer": "https://id.example.org/?x=1"}, "dashboard.oidc.issuer: "),
        ({"dashboard.oidc.issuer": "https://me@id.example.org"}, "dashboard.oidc.issuer: "),
        ({"dashboard.oidc.client_id": ""}, "dashboard.oidc.client_id is empty"),
        ({"dashboard.oidc.scopes": ["profile"]}, 'dashboard.oidc.scopes lacks "openid"'),
        ({"dashboard.oidc.scopes": ["openid profile"]}, "dashboard.oidc.scopes: "),
        ({"dashboard.oidc.token": "refresh_token"}, '"access_token" or "id_token"'),
        ({"dashboard.oidc.name": ""}, "dashboard.oidc.name: "),
        ({"dashboard.oidc.secret": "x"}, "dashboard.oidc.secret: unknown key"),
        ({"dashboard.allowed_origins": []}, "dashboard.allowed_origins is empty"),
        ({"dashboard.service": ""}, "set auth.algorithms and auth.jwks_url"),
    ],
)
def test_an_identity_provider_that_nobody_could_log_in_through_is_refused(
    changed: dict[str, object], named: str
) -> None:
    assert named in refusal(None, {}, **PROVIDER | changed)


def test_the_secret_of_the_dashboard_comes_from_one_place_and_is_never_shown(tmp_path: Path) -> None:
    environ = {"DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET": "hunter2-and-then-more"}
    config = load(None, ENVIRON | environ, PROVIDER)
    assert config.dashboard.oidc.client_secret == "hunter2-and-then-more"
    assert "hunter2" not in repr(config)
    assert "keep one" in refusal(None, environ, **PROVIDER | {"dashboard.oidc.client_secret_file": "x"})
    file = tmp_path / "mine.toml"
    file.write_text("[dashboard.oidc]\nclient_secret = 'hunter2'\n")
    line = refusal(file)
    assert "dashboard.oidc.client_secret must not be in a file" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_a_loopback_address_needs_no_tls(host: str) -> None:
    assert load(None, ENVIRON, {"server.host": host}).server.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "realtime.example.org"])
def test_an_address_that_others_reach_needs_tls_or_a_proxy(host: str) -> None:
    assert "server.tls_certificate" in refusal(environ={"DOSSIER_SERVER__HOST": host})
    assert load(None, ENVIRON, {"server.host": host, "server.behind_proxy": True}).server.host == host


def test_a_role_of_the_dashboard_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    file.write_text('[dashboard.roles]\nviewer = "viewer"\n', encoding="utf-8")
    said = refusal(file)
    assert said.startswith("dashboard.roles.viewer: 'viewer', in")
    assert said.endswith('give "auditor" or "observer" or "operator" or "security_officer"')


@pytest.mark.parametrize("table", ["server", "dashboard"])
def test_a_proxy_in_front_is_named_by_its_address(table: str) -> None:
    setting = f"DOSSIER_{table.upper()}__TRUSTED_PROXIES"
    assert f"{table}.trusted_proxies: 10.0.0.0/99 is no network" in refusal(environ={setting: "10.0.0.0/99"})
    behind = {setting: "[]", f"DOSSIER_{table.upper()}__BEHIND_PROXY": "true"}
    assert f"{table}.trusted_proxies is empty" in refusal(environ=behind)


def test_production_as_shipped_refuses_until_it_is_filled_in() -> None:
    environ = dict(ENVIRON)
    for complaint, name, text in (
        ("server.host", "DOSSIER_SERVER__BEHIND_PROXY", "true"),
        ("server.allowed_hosts is empty", "DOSSIER_SERVER__ALLOWED_HOSTS", "realtime.example.org"),
        ("server.allowed_origins is empty", "DOSSIER_SERVER__ALLOWED_ORIGINS", "https://dossier.example.org"),
    ):
        assert complaint in refusal(PRODUCTION, environ)
        environ[name] = text
    config = load(PRODUCTION, environ)
    assert config.server.production
    assert not config.development_secret


def test_production_without_a_secret_of_its_own_is_refused(tmp_path: Path) -> None:
    overrides = {"server.production": True, "storage.data": str(tmp_path / "data")}
    with pytest.raises(ConfigError, match="DOSSIER_AUTH__SECRET"):
        load(None, {}, overrides)
    assert not (tmp_path / "data").exists()


def test_without_a_secret_one_is_made_kept_and_said_so(tmp_path: Path) -> None:
    data = tmp_path / "made" / "data"
    config = load(None, {}, {"storage.data": str(data)})
    assert config.development_secret
    assert len(config.auth.secret) == 64
    (kept,) = data.iterdir()
    assert kept.read_text() == config.auth.secret == development_secret(data)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert load(None, {}, {"storage.data": str(data)}) == config


def test_a_refused_configuration_leaves_no_secret_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.host"):
        load(None, {}, {"storage.data": str(tmp_path / "data"), "server.host": "0.0.0.0"})
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"storage\.data"):
        load(None, {}, {"storage.data": str(tmp_path / "file")})


def test_the_secret_may_come_from_a_file_and_from_one_place_only(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    config = load(None, {"DOSSIER_AUTH__SECRET_FILE": str(file)})
    assert config.auth.secret == SECRET
    assert not config.development_secret
    assert "keep one" in refusal(environ={"DOSSIER_AUTH__SECRET_FILE": str(file)})
    file.write_text("short")
    with pytest.raises(ConfigError, match="32"):
        load(None, {"DOSSIER_AUTH__SECRET_FILE": str(file)})


def test_a_secret_beside_public_keys_is_refused(tmp_path: Path) -> None:
    environ = {
        "DOSSIER_AUTH__ALGORITHMS": "RS256",
        "DOSSIER_AUTH__PUBLIC_KEY_FILE": str(tmp_path / "key.pem"),
    }
    assert "keep one of the two" in refusal(environ=environ)
