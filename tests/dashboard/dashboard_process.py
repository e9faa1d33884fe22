"""The real dashboard as a process of its own, beside a real service."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import urlencode

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.processes import forked
from tests.harness.service import ROOT, START_SECONDS, STOP_SECONDS, Service

_ADDRESS = re.compile(r"dashboard at http://[^:]+:(\d+)/")
_DEFECTS = ("Traceback (most recent call last)", "never retrieved", "never awaited", "[error")


def _own_token() -> str:
    return tokens.token("dashboard", "admin:*", role="service", clearance="secret", ttl=86_400)


class Dashboard:
    """`python run.py dashboard` on a free port, or `listens_at`; started by `with`.

    `settings` go to its environment. `program`: another one than `run.py dashboard`, as arguments of Python.
    `gives_way`: its priority is lower than the service's, as everywhere outside of tests. Beside busy loops such a
    process gets next to nothing, and the pages of most tests would only be slower.
    """

    def __init__(
        self,
        service: Service,
        folder: Path,
        settings: dict[str, str] | None = None,
        *,
        program: Sequence[str] = (),
        listens_at: int = 0,
        gives_way: bool = False,
    ) -> None:
        self._gives_way = gives_way
        self._listens_at = listens_at
        self._program = program
        self._service = service
        self._output, self.log_file = folder / "dashboard.out", folder / "dashboard.log"
        self._settings = settings or {}
        self._token_file = folder / "dashboard.token"
        self.port = 0

    def __enter__(self) -> Self:
        self._token_file.write_text(_own_token())
        with self._output.open("wb") as output, self.log_file.open("wb") as log:
            self.process = self._launch(output, log)
        deadline = time.monotonic() + START_SECONDS
        while (found := _ADDRESS.search(self._output.read_text())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"the dashboard did not start:\n{self.log_file.read_text()[-4000:]}")
            time.sleep(0.05)
        self.port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(STOP_SECONDS)

    def _launch(self, output: BinaryIO, log: BinaryIO) -> forked.Running:
        changes = {"DOSSIER_DASHBOARD__TOKEN_FILE": str(self._token_file)} | self._settings
        arguments = [
            "--port",
            str(self._listens_at),
            "--service",
            self._service.http,
            "--data",
            str(self._service.data),
        ]
        if not self._program:
            command = ["dashboard", *arguments]
            return forked.start(forked.DASHBOARD, command, changes, output, log, gives_way=self._gives_way)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")} | changes
        command = [sys.executable, *self._program, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=log)

    @property
    def url(self) -> str:
        """As browsers write it."""
        return f"http://localhost:{self.port}"

    def ask(
        self, path: str, method: str = "GET", body: str = "", *, address: str = "", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """One request: status, headers and body. Headers are named with `_` for `-`. `address`: where it comes from."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=HANG_SECONDS, source_address=(address, 0) if address else None
        )
        try:
            connection.request(method, path, body or None, {"Host": f"localhost:{self.port}"} | named)
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def login(self, token: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        """Send the login form."""
        form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": self.url}
        return self.ask("/login", "POST", urlencode({"token": token}), **form | headers)

    def cookie(
        self,
        role: str = "operator",
        clearance: str = "secret",
        grants: tuple[str, ...] = ("admin:*",),
        user: str = "operator",
    ) -> str:
        """Log in; what the browser sends from then on."""
        token = tokens.token(user, *grants, role=role, clearance=clearance, name="Omar Haddad")
        status, headers, body = self.login(token)
        assert status == 303, body
        return headers["Set-Cookie"].partition(";")[0]

    def assert_log_clean(self) -> None:
        """Nothing failed since the start."""
        log = self.log_file.read_text(errors="replace")
        for defect in _DEFECTS:
            at = log.find(defect)
            assert at < 0, f"in the dashboard's log:\n{log[max(0, at - 1000) : at + 3000]}"
