"""The real service as a process of its own: `run.py serve`, on a port of the loopback that is its own.

    with Service(tmp_path, {"limits.general": 1_000}) as service:
        client = await Client.connect(service, service.token("u-1", "write:dossier:*"))

Everything here blocks for a moment; while clients of the same loop are to go on, call it through
`await asyncio.to_thread(service.restart)`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from app.journal import store
from dossier_realtime.recording.entry import Entry, decode_entry
from dossier_realtime.recording.joined import split_line
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.ports import reserve
from tests.harness.processes import forked

ROOT = forked.ROOT
START_SECONDS = STOP_SECONDS = HANG_SECONDS

_ADDRESS = re.compile(r"serves wss?://[^:]+:(\d+)/v1")
_DEFECTS = ("Traceback (most recent call last)", "never retrieved", "never awaited", "background work failed")

Overrides = Mapping[str, object]
"""Settings that differ from config/default.toml, by their dotted key: `{"limits.general": 1000}`."""

QUICK: Overrides = {"server.drain_seconds": 0.2, "node.id": "test"}
"""In force in every test service unless it says otherwise. The name stays the same over a restart on another port."""


class Service:
    """One service process at a time, on one data folder. `start` is called by `with`, or by hand.

    `url` is its WebSocket address, `http` the root of its HTTP addresses, `port` its port (0 before the first start;
    kept over restarts). A variable of `environment` that is None is not set. `arguments` follow `run.py serve`, as in
    ("--engine", "redis://127.0.0.1:7777/0").
    """

    def __init__(
        self,
        data: Path,
        settings: Overrides | None = None,
        *,
        environment: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
        secure: bool = False,
    ) -> None:
        self.data = data
        self.settings: dict[str, object] = {**QUICK, **(settings or {})}
        self.environment = dict(environment or {})
        self.arguments = list(arguments)
        self.secure = secure
        self.port = 0
        self.module = forked.SERVICE
        """The module that its process imports first: the service, or one that changes it as no setting does."""
        self.process: forked.Running | None = None
        self.log_file = data.with_name(data.name + ".log")
        self._output = data.with_name(data.name + ".out")

    def __enter__(self) -> Self:
        if self.process is None or self.process.poll() is not None:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"ws{'s' if self.secure else ''}://127.0.0.1:{self.port}/v1"

    @property
    def http(self) -> str:
        return f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "the service was not started"
        return self.process.pid

    # --- its life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start, and wait until it listens (on the port it had before, after a restart) and says that it is ready."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while (found := _ADDRESS.search(self._output.read_text())) is None:
            self._must_run(deadline)
            time.sleep(0.02)
        self.port = int(found[1])
        while not self.secure and (told := self.get("/readyz"))[0] != 200:
            self._must_run(deadline, f"/readyz: {told}")
            time.sleep(0.02)

    def launch(self) -> None:
        """Start the process without waiting for anything."""
        self.port = self.port or reserve()
        assert self.process is None or self.process.poll() is not None, "the service runs already"
        changes = {"DOSSIER_AUTH__SECRET": tokens.SECRET, **as_environment(self.settings), **self.environment}
        arguments = ["serve", "--port", str(self.port), "--data", str(self.data), *self.arguments]
        with self._output.open("wb") as output, self.log_file.open("ab") as log:
            self.process = forked.start(self.module, arguments, changes, output, log, tree=ROOT)

    def stop(self) -> int:
        """SIGTERM, and wait for the end; the exit status (0 after a good end). Harmless when it does not run."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill the process (SIGKILL): nothing is written any more."""
        assert self.process is not None, "the service was not started"
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal (SIGSTOP, SIGCONT, SIGHUP …) and do not wait."""
        assert self.process is not None, "the service was not started"
        self.process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for the end; the exit status. A process that does not end is killed, and the test fails."""
        assert self.process is not None, "the service was not started"
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the service did not end within {seconds} s:\n{self.log()[-4000:]}") from None

    def restart(self, *, hard: bool = False) -> None:
        """Stop (`hard`: kill -9) and start again on the same data folder and port."""
        self.kill() if hard else self.stop()
        self.start()

    def _must_run(self, deadline: float, told: str = "") -> None:
        assert self.process is not None
        if self.process.poll() is not None or time.monotonic() > deadline:
            self.process.kill()
            raise AssertionError(f"the service did not start:\n{told}\n{self.log()[-4000:]}")

    # --- what it says -----------------------------------------------------------------------------------------

    def log(self) -> str:
        """Everything written to standard error, over all starts."""
        return self.log_file.read_text(errors="replace")

    def output(self) -> str:
        """Return the text that the last start printed on standard output."""
        return self._output.read_text()

    def assert_log_clean(self) -> None:
        """No traceback, no lost exception, since the first start."""
        log = self.log()
        for defect in _DEFECTS:
            at = log.find(defect)
            assert at < 0, f"in the service's log:\n{log[max(0, at - 1000) : at + 3000]}"

    def get(self, path: str, token: str = "") -> tuple[int, bytes]:
        """GET a path of the service: status and body. 0 where nobody answers."""
        request = urllib.request.Request(self.http + path)  # noqa: S310  our own address
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:  # noqa: S310  likewise
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()
        except OSError:
            return 0, b""

    def metrics(self) -> dict[str, float]:
        """`/metrics` by sample: `{"dossier_connections": 3, 'dossier_refusals_total{rule="format"}': 1, …}`.

        Labels stand in alphabetical order, as in `dossier_messages_received_total{outcome="accepted",type="ping"}`.
        """
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1].decode()):
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def files(self) -> dict[Path, os.stat_result]:
        """Return the status of the data folder and of all in it; a file that goes while this looks is left out."""
        found: dict[Path, os.stat_result] = {}
        for path in [self.data, *self.data.rglob("*")]:
            with suppress(FileNotFoundError):
                found[path] = path.stat()
        return found

    def journal(self) -> list[Entry]:
        """Every entry of the journal so far, in order, its chain verified; also while the service runs.

        What just happened is there a moment later: the journal is written beside the event loop.
        """
        folder = self.data / "journal"
        for node, report in store.verify_folder(folder).items():
            assert report.ok, f"the journal of {node}: {report}"
        paths = [path for node in store.nodes(folder) for path in store.segment_paths(folder, node)]
        lines = [line for path in paths for line in list(store.read_lines(path))[1:] if line.endswith(b"\n")]
        return [decode_entry(part) for line in lines for part in split_line(line)]

    def token(self, sub: str, *permissions: str, **claims: Any) -> str:
        """Return a good token, as `tokens.token` makes it."""
        return tokens.token(sub, *permissions, **claims)


def as_environment(settings: Overrides) -> dict[str, str]:
    """Return settings by dotted key, as the DOSSIER_ variables that make them."""
    return {
        f"DOSSIER_{key.upper().replace('.', '__')}": value
        if isinstance(value, str)
        else msgspec.json.encode(value).decode()
        for key, value in settings.items()
    }
