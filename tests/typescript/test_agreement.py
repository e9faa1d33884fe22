"""Scripts by chance, which both SDKs play: each does in every step what the other does (P30)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agreement.random_scripts import random_script
from tests.harness.measurements import Report, Sized
from tests.typescript.conftest import tool

STEPS = 60
pytestmark = pytest.mark.long


def test_both_play_what_chance_writes(tmp_path: Path, sized: Sized, report: Report) -> None:
    scripts = [random_script(seed, STEPS) for seed in range(sized(250, 5_000))]
    for seed, script in enumerate(scripts):
        (tmp_path / f"{seed:05}.json").write_text(json.dumps(script))
    tool("vitest", "run", "test/agreement.test.ts", environment={"AGREEMENT_SCRIPTS": str(tmp_path)})
    report(f"{len(scripts)} scripts, {sum(len(script['steps']) for script in scripts)} steps: no difference")
    kinds = {what for script in scripts for step in script["steps"] for what in step.get("then", {})}
    assert kinds == {
        "dials", "states", "frames", "delivered", "unknown", "heard", "ended", "errors", "sends", "hangs_up", "over",
    }  # fmt: skip
