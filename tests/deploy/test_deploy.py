"""The files for running the service: each is read by its own program where this machine has it, else by its shape."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.configuration.config import load
from tests.harness.service import ROOT, Service
from tests.harness.tokens import SECRET

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
METRIC = re.compile(r"\bdossier_[a-z_]+")
SELECTED = re.compile(r"\b(dossier_[a-z_]+)\{([a-z_]+)[=!]")


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return found


def ran(*command: str, folder: Path = ROOT) -> str:
    """Return what a program says; fails where it is not content."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def test_each_setting_of_a_node_in_the_compose_file_is_one_that_the_service_has(tmp_path: Path) -> None:
    services = composed()["services"]
    assert {"node-1", "node-2", "redis-1", "redis-2", "proxy", "prometheus", "grafana"} <= services.keys()
    for name in ("node-1", "node-2"):
        environment: dict[str, str] = dict(services[name]["environment"])
        for key in [key for key in environment if key.endswith("_FILE")]:
            secret = tmp_path / key
            secret.write_text(secrets.token_hex(32))
            environment[key] = str(secret)
        config = load(None, environment, {"server.host": "0.0.0.0"})  # as in the Dockerfile
        assert config.storage.durability == "replicated"
        assert config.node.id == name


def test_each_file_and_folder_that_the_compose_file_names_is_there_or_made_by_its_script() -> None:
    made = (COMPOSE / "prepare.sh").read_text()
    found = composed()
    mounts = [mount.partition(":")[0] for one in found["services"].values() for mount in one.get("volumes", [])]
    for file in (mount for mount in mounts if mount.startswith("./")):
        path = COMPOSE / file
        assert path.exists() or path.name in made or path.name == "private", file
    assert {mount for mount in mounts if not mount.startswith("./")} == found["volumes"].keys()
    for one in found["services"].values():
        assert set(one.get("depends_on", [])) <= found["services"].keys()
        assert set(one.get("networks", [])) <= found["networks"].keys()


def test_docker_reads_the_compose_file() -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("this machine has no docker compose")
    ran("docker", "compose", "-f", "compose.yaml", "config", "--quiet", folder=COMPOSE)


def test_the_image_holds_every_folder_that_the_service_imports() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {words[1] for words in map(str.split, text.splitlines()) if words[:1] == ["COPY"] and len(words) == 3}
    assert {"run.py", "app", "dashboard", "demo", "dossier_realtime", "config", "requirements.txt"} <= copied
    for name in copied:
        assert (ROOT / name).exists()


def test_redis_takes_what_the_script_writes_and_secrets_are_made_once(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("this machine has no openssl")
    shutil.copytree(COMPOSE, tmp_path / "deploy" / "compose")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    script = tmp_path / "deploy" / "compose" / "prepare.sh"
    ran("sh", str(script))
    private = script.parent / "private"
    before = {file.name: file.read_bytes() for file in private.iterdir()}
    ran("sh", str(script))
    assert {file.name: file.read_bytes() for file in private.iterdir()} == before
    assert "resetpass" not in before["users.acl"].decode().splitlines()[1]
    for number in (1, 2):
        text = before[f"redis-{number}.conf"].decode().replace("/private/", f"{private}/")
        text = text.replace("tls-port 6379", "tls-port 0").replace("/data", str(tmp_path))
        (tmp_path / "redis.conf").write_text(text)
        said = subprocess.run(  # it has no port to listen on, and so ends: after reading all of it
            ["redis-server", str(tmp_path / "redis.conf")], capture_output=True, text=True, timeout=60, check=False
        ).stdout
        assert "Configured to not listen anywhere, exiting" in said, said


def test_what_is_private_is_for_its_own_container_alone(tmp_path: Path) -> None:
    if shutil.which("openssl") is None or os.geteuid() != 0:
        pytest.skip("files are handed over by root, and openssl makes them")
    compose = tmp_path / "deploy" / "compose"
    shutil.copytree(COMPOSE, compose)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    private, volumes = compose / "private", tmp_path / "volumes"
    ran("sh", str(compose / "prepare.sh"))
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in private.iterdir()} == {0o600}
    ran("sh", str(compose / "hand_over.sh"), str(private), str(volumes))
    written = volumes / "redis" / "sentinel-1.conf"
    written.write_text("# by the sentinel\n")
    ran("sh", str(compose / "hand_over.sh"), str(private), str(volumes))
    assert written.read_text() == "# by the sentinel\n"
    users = {"node": 10001, "redis": 999, "proxy": 99, "prometheus": 65534, "grafana": 472}
    services = composed()["services"]
    handed = {mount.partition(":")[0].removeprefix("private-") for mount in services["hand-over"]["volumes"]}
    assert users.keys() == {folder.name for folder in volumes.iterdir()} == handed - {"./hand_over.sh", "./private"}
    for name, user in users.items():
        for path in (volumes / name, *(volumes / name).iterdir()):
            assert path.stat().st_uid == user
            mode = 0o700 if path.is_dir() else 0o600 if path.suffix == ".conf" else 0o400
            assert stat.S_IMODE(path.stat().st_mode) == mode, path
    named = set(re.findall(r"/run/secrets/([\w.]+)|/private/([\w.-]+)", (COMPOSE / "compose.yaml").read_text()))
    there = {file.name for folder in volumes.iterdir() for file in folder.iterdir()}
    assert {first or second for first, second in named} <= there
    assert not [one for one in services.values() if "./private:/private" in one.get("volumes", [])]


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    if shutil.which("haproxy") is None:
        text = (COMPOSE / "haproxy.cfg").read_text()
        assert "ssl-min-ver TLSv1.3" in text
        assert "leastconn" in text
        return
    ran("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", str(tmp_path / "k"),
        "-out", str(tmp_path / "c"))  # fmt: skip
    (tmp_path / "site.pem").write_text((tmp_path / "c").read_text() + (tmp_path / "k").read_text())
    text = (COMPOSE / "haproxy.cfg").read_text().replace("/etc/haproxy/site.pem", str(tmp_path / "site.pem"))
    text = re.sub(r"(server node-\d) node-\d:", r"\1 127.0.0.1:", text)  # the names are those of the compose file
    (tmp_path / "haproxy.cfg").write_text(text)
    ran("haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg"))


def test_boards_and_alerts_ask_for_metrics_that_the_service_has(tmp_path: Path) -> None:
    rules = (COMPOSE / "alerts.yml").read_text()
    board = json.loads((COMPOSE / "grafana" / "dashboards" / "dossier.json").read_text())
    questions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked = {name for question in (rules, *questions) for name in METRIC.findall(question)}
    with Service(tmp_path / "data") as service:
        metrics = service.metrics()
    said = {name.partition("{")[0] for name in metrics}
    assert asked - said == set()
    for metric, label in {found for question in (rules, *questions) for found in SELECTED.findall(question)}:
        assert any(name.startswith(f"{metric}{{") and f'{label}="' in name for name in metrics), (metric, label)
    alerts = [one for group in yaml.safe_load(rules)["groups"] for one in group["rules"]]
    assert {one["alert"] for one in alerts} >= {"NodeDown", "JournalLost"}
    for one in alerts:
        assert one.keys() <= {"alert", "expr", "for", "labels", "annotations"}, one  # others stop Prometheus
        assert re.fullmatch(r"\d+[smh]", one.get("for", "1s")), one
        assert one["expr"].count("(") == one["expr"].count(")"), one
        assert one["labels"]["severity"] in ("page", "ticket"), one
        assert one["annotations"]["summary"], one
    assert yaml.safe_load((COMPOSE / "prometheus.yml").read_text())["rule_files"] == ["/etc/prometheus/alerts.yml"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd")
    units = DEPLOY / "systemd"
    for file in units.iterdir():
        text = file.read_text().replace("/opt/dossier/venv/bin/python", sys.executable)
        (tmp_path / file.name.replace("@.", "@1.")).write_text(text)
    said = ran("systemd-analyze", "verify", *(str(file) for file in sorted(tmp_path.glob("dossier*.service"))))
    assert "dossier" not in said
    template = (units / "dossier-realtime@.service").read_text()
    drain = load(None, {"DOSSIER_AUTH__SECRET": SECRET}).server.drain_seconds
    assert int(re.findall(r"TimeoutStopSec=(\d+)", template)[0]) > drain
