"""Known vulnerabilities of what the lock files pin, and a bill of materials: `make audit`.

pip-audit asks the registry about every pinned package. It ends with 0 also where the registry knows nothing of them, so
its report is read here: a package that could not be looked up is not a package without vulnerabilities.

    0  every package was looked up, and nothing is known against any
    1  something is known against a package: it is named, with the version that mends it
    2  some package, or all, could not be looked up: ask again where the registry can be reached
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-notebooks.txt", "requirements-docs.txt")
SHIPPED = "requirements.txt"
"""The lock of what runs in production: the bill of materials is of this one."""
VULNERABLE, UNKNOWN = 1, 2
_SECONDS = 900.0  # for one lock file
_NAMED = 3  # packages that a sentence names


class Vulnerability(msgspec.Struct, frozen=True):
    """One entry of the registry's list."""

    id: str
    fix_versions: list[str] = []


class Package(msgspec.Struct, frozen=True):
    """A package as pip-audit sees it: its vulnerabilities, or why it was skipped."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []
    skip_reason: str = ""


class AuditReport(msgspec.Struct, frozen=True):
    """A lock file as pip-audit sees it."""

    dependencies: list[Package]


def judge(reports: Sequence[AuditReport]) -> tuple[int, list[str]]:
    """Return the exit status and the lines to print, from the reports of all lock files."""
    packages = {(each.name, each.version): each for report in reports for each in report.dependencies}
    skipped = sorted({each.name for each in packages.values() if each.skip_reason})
    lines = [
        f"{each.name} {each.version}: {found.id}; "
        + (f"mended in {', '.join(found.fix_versions)}" if found.fix_versions else "no version mends it yet")
        for each in packages.values()
        for found in each.vulns
    ]
    vulnerable = bool(lines)
    looked_up = len(packages) - len(skipped)
    lines.append(f"{looked_up} packages looked up, {len(lines)} known vulnerabilities")
    if skipped or not packages:
        named = ", ".join(skipped[:_NAMED]) + (" and others" if len(skipped) > _NAMED else "")
        lines.append(
            f"{len(skipped)} packages could not be looked up ({named or 'no lock file'}): nothing is known of them. "
            "Run `make audit` where https://pypi.org can be reached"
        )
    return (VULNERABLE if vulnerable else UNKNOWN if skipped or not packages else 0), lines


def ask(lock: Path) -> AuditReport | str:
    """Return what pip-audit reports of a lock file, or why it could not be asked, in one line."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--requirement", str(lock)]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "30"]
    try:
        ended = subprocess.run(  # noqa: S603  our own arguments
            command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS:.0f} s"
    try:
        return msgspec.json.decode(ended.stdout, type=AuditReport)
    except msgspec.DecodeError:
        return (ended.stderr.strip() or "pip-audit said nothing").splitlines()[-1][:300]


def bill_of_materials(lock: Path, to: Path) -> None:
    """Write a CycloneDX bill of what a lock file pins, with hashes. Raises CalledProcessError."""
    to.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(lock), "--output-format", "JSON"]
    command += ["--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(to)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603  likewise


def main() -> int:
    """Write the bill of materials, then ask about every lock file."""
    bill = ROOT / "build" / "sbom.cdx.json"
    bill_of_materials(ROOT / SHIPPED, bill)
    print(f"{bill.relative_to(ROOT)}: bill of materials of {SHIPPED} (CycloneDX)")
    reports = []
    for name in LOCKS:
        answer = ask(ROOT / name)
        if isinstance(answer, str):
            print(f"{name} could not be audited: {answer}. Run `make audit` where https://pypi.org can be reached")
            return UNKNOWN
        reports.append(answer)
    status, lines = judge(reports)
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
