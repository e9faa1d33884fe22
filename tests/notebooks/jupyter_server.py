"""The real JupyterLab as a process of its own, with the configuration that the project gives it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.harness.service import ROOT, START_SECONDS, STOP_SECONDS

TOKEN = "of-these-tests"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/lab")


class JupyterServer:
    """Started by `with`, on a free port, showing the notebooks of `root`. Without `kernels` there are none."""

    def __init__(self, root: Path, environment: Mapping[str, str], log: Path, *, kernels: bool = True) -> None:
        self._root, self._log = root, log
        self._environment = {**environment, "JUPYTER_TOKEN": TOKEN}
        self._kernels = kernels
        self._port = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "jupyter", "lab", "--no-browser"]
        command += ["--allow-root", "--ServerApp.port=0", f"--ServerApp.root_dir={self._root}"]
        if not self._kernels:
            command += ["--KernelSpecManager.ensure_native_kernel=False"]
            command += ["--KernelSpecManager.allowed_kernelspecs=none"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while (found := _ADDRESS.search(self._log.read_text())) is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"JupyterLab did not start:\n{self._log.read_text()[-4000:]}")
            time.sleep(0.1)
        self._port = int(found[1])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(STOP_SECONDS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def page(self, notebook: str) -> str:
        """Return the address that opens a notebook alone on its page."""
        return f"{self.url}/doc/tree/{notebook}?token={TOKEN}"
