"""The audit of the lock files: what is not known is not said to be good."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tools.audit import LOCKS, ROOT, SHIPPED, UNKNOWN, VULNERABLE, AuditReport, Package, Vulnerability, ask, judge
from tools.audit import bill_of_materials as write_bill

GOOD = Package("tornado", "6.6")
BAD = Package("oldlib", "1.0", [Vulnerability("PYSEC-2026-1", ["1.1"]), Vulnerability("GHSA-x")])
SKIPPED = Package("bokeh", skip_reason="Dependency not found on PyPI and could not be audited: bokeh (3.9.2)")


@pytest.mark.parametrize(
    ("packages", "status", "says"),
    [
        ([GOOD], 0, "1 packages looked up, 0 known vulnerabilities"),
        ([GOOD, BAD], VULNERABLE, "oldlib 1.0: PYSEC-2026-1; mended in 1.1"),
        ([BAD], VULNERABLE, "oldlib 1.0: GHSA-x; no version mends it yet"),
        ([GOOD, SKIPPED], UNKNOWN, "1 packages could not be looked up (bokeh)"),
        ([SKIPPED], UNKNOWN, "0 packages looked up"),
        ([BAD, SKIPPED], VULNERABLE, "1 packages could not be looked up (bokeh)"),
        ([], UNKNOWN, "no lock file"),
    ],
)
def test_the_status_is_0_only_where_every_package_was_looked_up(
    packages: list[Package], status: int, says: str
) -> None:
    found, lines = judge([AuditReport(packages)])
    assert found == status
    assert says in "\n".join(lines)


def test_a_registry_that_cannot_be_reached_is_said_and_nothing_is_called_good(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    answer = ask(ROOT / SHIPPED)
    if isinstance(answer, str):
        assert answer
        assert "\n" not in answer
    else:
        assert judge([answer])[0] == UNKNOWN


@pytest.mark.parametrize("lock", LOCKS)
def test_the_bill_of_materials_lists_every_package_of_the_lock_by_version_and_hash(lock: str, tmp_path: Path) -> None:
    bill = tmp_path / "build" / "sbom.json"
    write_bill(ROOT / lock, bill)
    listed = json.loads(bill.read_text())
    assert listed["bomFormat"] == "CycloneDX"
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    assert len(pinned) > 5
    found = {(_normal(each["name"]), each["version"]) for each in listed["components"]}
    assert {(_normal(name), version) for name, version in pinned} == found
    assert all(each.get("externalReferences") or each.get("hashes") for each in listed["components"])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
