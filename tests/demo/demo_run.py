"""A run of the demo against a service of a test."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Service


def run_demo(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `run.py demo` with these further arguments to its end and return its status and output."""
    command = [sys.executable, "run.py", "demo", "--url", service.url, "--data", str(service.data), *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"DOSSIER_AUTH__SECRET": tokens.SECRET},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def record_demo(service: Service, seconds: int) -> None:
    """Let the demo work on the service for some seconds; whether it went well is for the demo's own tests."""
    demo = run_demo(service, "--seconds", str(seconds))
    assert "events published" in demo.stdout, demo.stderr
