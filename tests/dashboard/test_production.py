"""`config/production.toml`, filled in as its own comments say: the service answers its dashboard, and people log in."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import trustme

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually
from tests.harness.service import ROOT

SERVICE, DASHBOARD, OFFICE = "realtime.example.org", "dashboard.example.org", "https://dossier.example.org"
CLIENT = "203.0.113.7"  # of the proxies' clients
_SERVES = re.compile(r"serves wss?://[^:]+:(\d+)/v1")
_WATCHES = re.compile(r"dashboard at http://[^:]+:(\d+)/")


def filled_in(folder: Path, values: dict[str, dict[str, object]]) -> Path:
    """Return a copy of production.toml with these values, by table, in place of its own; it has each of the keys."""
    table, lines = "", []
    left = {(name, key) for name, keys in values.items() for key in keys}
    for line in (ROOT / "config" / "production.toml").read_text().splitlines():
        key = line.partition(" = ")[0]
        if line.startswith("["):
            table = line.strip("[]")
        if (table, key) in left:
            left.remove((table, key))
            lines.append(f"{key} = {json.dumps(values[table][key])}")
        else:
            lines.append(line)
    assert not left
    file = folder / "production.toml"
    file.write_text("\n".join(lines) + "\n")
    assert tomllib.loads(file.read_text())["server"]["production"]
    return file


class Production:
    """`python run.py --config FILE`: the service, and the dashboard as its child."""

    def __init__(self, folder: Path, authority: trustme.CA | None) -> None:
        self._authority = authority
        self._output, self.log = folder / "output", folder / "log"

    def _port(self, pattern: re.Pattern[str]) -> int:
        return int(eventually(lambda: pattern.findall(self._output.read_text()), self.log.read_text)[0])

    def ask_service(self, path: str, **headers: str) -> tuple[int, Any]:
        """Call the service by its public name, over TLS or as the proxy does: status and JSON."""
        connection = HTTPConnection("127.0.0.1", self._port(_SERVES), timeout=HANG_SECONDS)
        named = {"Host": SERVICE} | {name.replace("_", "-"): value for name, value in headers.items()}
        if self._authority is not None:
            context = ssl.create_default_context()
            self._authority.configure_trust(context)
            plain = socket.create_connection(("127.0.0.1", connection.port), timeout=HANG_SECONDS)
            connection.sock = context.wrap_socket(plain, server_hostname=SERVICE)
        else:
            named["X-Forwarded-For"] = CLIENT
        try:
            connection.request("GET", path, headers=named)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ask_dashboard(self, method: str, path: str, body: str = "", **headers: str) -> HTTPResponse:
        """Call the dashboard as the proxy in front of it does, for a browser that called it by its public name."""
        connection = HTTPConnection("127.0.0.1", self._port(_WATCHES), timeout=HANG_SECONDS)
        named = {"Host": DASHBOARD, "X-Forwarded-For": CLIENT} | headers
        connection.request(method, path, body or None, named)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def sessions(self) -> list[str]:
        """The users who are connected to the service."""
        token = tokens.token("op", "admin:*", clearance="secret")
        status, body = self.ask_service("/v1/sessions", Authorization=f"Bearer {token}")
        assert status == 200, body
        return [row["user_id"] for row in body["sessions"]]


@contextmanager
def production(folder: Path, *, tls: bool) -> Iterator[Production]:
    """Fill in the configuration, for TLS from the service or from a proxy in front of it, and run it."""
    authority = trustme.CA() if tls else None
    server: dict[str, object] = {"allowed_hosts": [SERVICE], "allowed_origins": [OFFICE], "behind_proxy": not tls}
    if authority is not None:
        issued = authority.issue_cert(SERVICE)
        issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
        issued.private_key_pem.write_to_path(str(folder / "key.pem"))
        server |= {"tls_certificate": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    dashboard = {"behind_proxy": True, "allowed_hosts": [DASHBOARD], "allowed_origins": [f"https://{DASHBOARD}"]}
    file = filled_in(folder, {"server": server, "dashboard": dashboard})
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | {
        "DOSSIER_AUTH__SECRET": tokens.SECRET,
        "DOSSIER_SERVER__PORT": "0",
        "DOSSIER_SERVER__DRAIN_SECONDS": "0.2",
        "DOSSIER_DASHBOARD__PORT": "0",
        "DOSSIER_STORAGE__DATA": str(folder / "data"),
    }
    command = [sys.executable, "run.py", "--config", str(file)]
    with (folder / "output").open("wb") as told, (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=log)
    try:
        yield Production(folder, authority)
        process.terminate()
        assert process.wait(HANG_SECONDS) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("tls", [True, False], ids=["TLS from the service", "TLS from a proxy"])
def test_production_as_documented_answers_its_own_dashboard(tls: bool, tmp_path: Path) -> None:
    with production(tmp_path, tls=tls) as running:
        eventually(lambda: "dashboard" in running.sessions(), running.log.read_text, poll=0.2)
        form = urlencode({"token": tokens.token("omar", "admin:*", role="operator", clearance="secret")})
        sent = {"Origin": f"https://{DASHBOARD}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = running.ask_dashboard("POST", "/login", form, **sent)
        assert answer.status == 303, running.log.read_text()
        cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        assert running.ask_dashboard("GET", "/overview", Cookie=cookie).status == 200
        for name in ("localhost", "127.0.0.1", DASHBOARD):
            assert running.ask_service("/readyz", Host=name)[0] == 421, "its names are those of the list alone"
        assert running.ask_service("/v1/schema.json", Origin=OFFICE)[0] == 200
        assert running.ask_service("/v1/schema.json", Origin=f"https://{DASHBOARD}")[0] == 403
    log = running.log.read_text()
    assert log.count("was refused") == 4
    assert "Traceback" not in log
