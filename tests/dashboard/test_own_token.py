"""The dashboard's own token: from a file or over a pipe. The key that signs tokens never comes near its process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.commands.processes.dashboard_process import environment_of_child
from tests.dashboard.dashboard_process import Dashboard
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT, Service


def _until(holds: Callable[[], Any], log: Path) -> Any:
    return eventually(holds, lambda: log.read_text()[-4000:], poll=0.1)


class Both:
    """`python run.py`: the service, and the dashboard as its child."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output, self.log = folder / "output", folder / "log"

    def port(self, after: str) -> int:
        """The port in the line that holds these words."""

        def found() -> int:
            text = self.output.read_text()
            return int(text.partition(after)[2].partition("/")[0] or 0) if after in text else 0

        return int(_until(found, self.log))

    @property
    def service(self) -> int:
        return self.port("serves ws://localhost:")

    @property
    def dashboard(self) -> int:
        return self.port("Dossier dashboard at http://localhost:")

    def child(self) -> psutil.Process:
        """The dashboard's process."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def own_session(self) -> dict[str, Any]:
        """The dashboard's session at the service, once it is there."""

        def found() -> list[dict[str, Any]]:
            answer = httpx.get(
                f"http://127.0.0.1:{self.service}/v1/sessions",
                headers={"Authorization": f"Bearer {tokens.token('op', 'admin:*', clearance='secret', ttl=10)}"},
                timeout=HANG_SECONDS,
            )
            rows: list[dict[str, Any]] = answer.json()["sessions"]
            return [row for row in rows if row["user_id"] == "dashboard"]

        session: dict[str, Any] = _until(found, self.log)[0]
        return session


@contextmanager
def both(folder: Path, settings: Mapping[str, str]) -> Iterator[Both]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_SERVER__DRAIN_SECONDS": "0.2",
        "DOSSIER_DASHBOARD__PORT": "0",
        "DOSSIER_STORAGE__DATA": str(folder / "data"),
        **settings,
    }
    with (folder / "output").open("wb") as told, (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "run.py"], cwd=ROOT, env=environment, stdout=told, stderr=log)
    children: list[psutil.Process] = []
    try:
        started = Both(folder, process)
        assert started.dashboard
        children = psutil.Process(process.pid).children()
        yield started
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)
        for child in children:
            if child.is_running():
                child.kill()


def test_the_childs_environment_holds_no_key_and_no_way_to_one() -> None:
    given = {
        "PATH": "/bin",
        "SSL_CERT_FILE": "ca.pem",
        "DOSSIER_AUTH__SECRET": "k" * 32,
        "DOSSIER_AUTH__SECRET_FILE": "secret",
        "DOSSIER_AUTH__PREVIOUS_SECRET": "p" * 32,
        "DOSSIER_STORAGE__ENGINE": "redis://:password@host/0",
        "DOSSIER_STORAGE__DATA": "var",
        "DOSSIER_JOURNAL__KEY_FILE": "key",
        "DOSSIER_METRICS__TOKEN": "t",
        "DOSSIER_SERVER__TLS_KEY": "key.pem",
    }
    own = {
        "DOSSIER_DASHBOARD__PORT": "0",
        "DOSSIER_DASHBOARD__OIDC__CLIENT_SECRET": "theirs",
        "DOSSIER_LOG__LEVEL": "debug",
        "DOSSIER_AUTH__ALGORITHMS": "RS256",
    }
    assert environment_of_child(given | own) == {"PATH": "/bin", "SSL_CERT_FILE": "ca.pem", **own}


def test_beside_the_service_it_gets_a_token_and_no_key(tmp_path: Path) -> None:
    with both(tmp_path, {"DOSSIER_AUTH__SECRET": tokens.SECRET}) as started:
        assert started.own_session()["role"] == "service"  # so it was let in, with everything that it needs
        child = started.child()
        held = b"\0".join([Path(f"/proc/{child.pid}/environ").read_bytes(), *(w.encode() for w in child.cmdline())])
        assert tokens.SECRET.encode() not in held
        assert b"DOSSIER_AUTH__SECRET" not in held
        assert b"eyJ" not in held  # nor a token, which others could read there


def test_the_development_secret_is_read_by_the_service_alone(tmp_path: Path) -> None:
    """Once the service has it, nobody needs the file any more: the dashboard starts again without it."""
    with both(tmp_path, {}) as started:
        (tmp_path / "data" / "development-secret").unlink()
        first = started.child()
        first.kill()
        _until(lambda: started.output.read_text().count("Dossier dashboard at") == 2, started.log)
        assert not (tmp_path / "data" / "development-secret").exists()
        port = int(started.output.read_text().rpartition("Dossier dashboard at http://localhost:")[2].split("/")[0])
        login = started.output.read_text().partition("hours:\n")[2].split("\n")[0]
        answer = httpx.post(
            f"http://localhost:{port}/login",
            data={"token": login},
            headers={"Origin": f"http://localhost:{port}"},
            timeout=HANG_SECONDS,
        )
        assert answer.status_code == 303


def test_it_outlives_its_first_tokens(tmp_path: Path) -> None:
    seconds = 10
    settings = {"DOSSIER_AUTH__SECRET": tokens.SECRET, "DOSSIER_AUTH__MAX_LIFETIME": str(seconds)}
    with both(tmp_path, settings) as started:
        child, begun = started.child(), started.own_session()["started_at"]
        _until(lambda: time.time() > begun + 3 * seconds, started.log)
        assert started.own_session()["user_id"] == "dashboard"
        assert started.child() == child


@pytest.mark.parametrize("source", ["pipe", "file"])
def test_when_the_service_is_gone_there_is_no_dashboard_in_its_place(tmp_path: Path, source: str) -> None:
    """A dashboard left behind would hold its port, with a token that nobody renews."""
    settings = {"DOSSIER_AUTH__SECRET": tokens.SECRET}
    if source == "file":
        (tmp_path / "token").write_text(tokens.token("dashboard", "admin:*", clearance="secret", role="service"))
        settings["DOSSIER_DASHBOARD__TOKEN_FILE"] = str(tmp_path / "token")
    with both(tmp_path, settings) as started:
        child = started.child()
        started.process.send_signal(signal.SIGKILL)
        assert child.wait(HANG_SECONDS) is None or not child.is_running()


@pytest.mark.parametrize("key", [{}, {"DOSSIER_AUTH__SECRET": tokens.SECRET}])
def test_alone_it_wants_a_token_and_says_so(tmp_path: Path, key: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | key
    command = [sys.executable, "run.py", "dashboard", "--port", "0", "--data", str(tmp_path / "data")]
    start = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert start.returncode == 2
    assert "dashboard.token_file" in start.stderr
    assert start.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_port_that_is_taken_is_told_with_the_setting_that_names_another(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(tokens.token("dashboard", "admin:*", clearance="secret", role="service"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "run.py", "dashboard", "--port", port, "--token-file", str(tmp_path / "token")]
        start = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert start.returncode == 2, start.stderr
    assert f"cannot listen on 127.0.0.1:{port}" in start.stderr
    assert "dashboard.port" in start.stderr


def test_alone_with_a_token_it_has_no_use_for_the_key(dashboard: Dashboard) -> None:
    held = Path(f"/proc/{dashboard.process.pid}/environ").read_bytes()
    assert b"DOSSIER_AUTH" not in held


def test_a_service_that_cannot_make_tokens_says_so_and_goes_on(tmp_path: Path, oidc_service: Service) -> None:
    public = {name: value for name, value in oidc_service.settings.items() if name.startswith("auth.")}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_STORAGE__DATA": str(tmp_path / "data"),
        "DOSSIER_AUTH__ALGORITHMS": "RS256",
        "DOSSIER_AUTH__JWKS_URL": str(public["auth.jwks_url"]),
    }
    output = tmp_path / "output"
    with output.open("wb") as told, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "run.py"], cwd=ROOT, env=environment, stdout=told, stderr=log)
    try:
        _until(lambda: "dashboard is not started" in output.read_text(), tmp_path / "log")
        assert "serves ws://" in output.read_text()
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(HANG_SECONDS)
