"""The settings of the store: the addresses of Redis, its password, and the durability that is claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration.config import load
from app.configuration.storage_settings import redis_hosts
from tests.configuration.test_config import ENVIRON, refusal


@pytest.mark.parametrize(
    "engine",
    [
        "embedded",
        "redis://localhost",
        "rediss://me:word@redis.example.org:6380/2",
        "redis://[::1]:6379",
        "redis+sentinel://one:26379,two:26379,[::1]/dossier/2",
        "rediss+sentinel://me:word@one.example.org/dossier",
        "redis+cluster://one:7000,two:7001,three",
        "rediss+cluster://me:word@one.example.org:7000",
    ],
)
def test_an_engine_is_embedded_or_the_address_of_a_redis(engine: str) -> None:
    assert load(None, ENVIRON, {"storage.engine": engine}).storage.engine == engine


def test_the_hosts_of_an_address_are_found_with_the_ports_that_are_usual() -> None:
    assert redis_hosts("redis://me:word@[::1]/0") == (("::1", 6379),)
    assert redis_hosts("redis+sentinel://one:5,two/dossier/2") == (("one", 5), ("two", 26379))
    assert redis_hosts("rediss+cluster://me:w@one:7000,two") == (("one", 7000), ("two", 6379))


def test_the_password_of_redis_comes_from_one_place_and_is_never_shown(tmp_path: Path) -> None:
    secret = {"DOSSIER_STORAGE__REDIS_PASSWORD": "hunter2-and-then-more"}
    config = load(None, ENVIRON | secret, {"storage.engine": "redis://localhost"})
    assert config.storage.redis_password == "hunter2-and-then-more"
    in_address = load(None, ENVIRON, {"storage.engine": "redis://me:hunter2@localhost"})
    assert "hunter2" not in repr(config) + repr(in_address)
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    for changed in (
        {"storage.engine": "redis://me:hunter2@localhost"},
        {"storage.engine": "redis://localhost", "storage.redis_password_file": str(file)},
    ):
        line = refusal(None, secret, **changed)
        assert "given twice" in line
        assert "hunter2" not in line
    toml = tmp_path / "mine.toml"
    toml.write_text("[storage]\nredis_password = 'hunter2'\n")
    assert "storage.redis_password must not be in a file" in refusal(toml)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"storage.durability": "replicated"}, "the embedded engine"),
        ({"storage.durability": "memory"}, "the embedded engine"),
        ({"storage.durability": "certain"}, "storage.durability: 'certain'"),
        ({"storage.replicas": 0}, "storage.replicas: 0"),
        ({"storage.redis_prefix": "a{b}"}, "storage.redis_prefix: "),
        ({"storage.engine": "redis+sentinel://one:26379"}, "storage.engine: this value"),
        ({"storage.engine": "redis+sentinel://one:99999/dossier"}, "out of range"),
        ({"storage.engine": "redis+cluster://one,two:0"}, "out of range"),
        ({"storage.engine": "redis+cluster://one/0"}, "storage.engine: this value"),
        ({"storage.engine": "redis://me@localhost", "storage.redis_user": "you"}, "keep one of them"),
        ({"storage.engine": "redis://localhost", "storage.redis_password_file": "/nowhere"}, "/nowhere is no file"),
        ({"storage.engine": "rediss://localhost", "storage.redis_ca_file": "/nowhere"}, "/nowhere is no file"),
        (
            {"storage.engine": "redis://localhost", "storage.redis_ca_file": __file__},
            "with rediss",
        ),
    ],
)
def test_a_store_that_cannot_be_used_as_it_is_described_is_refused(changed: dict[str, object], named: str) -> None:
    assert named in refusal(None, {}, **changed)
