"""The printed measurements of promises, and the sizes that they are shown in."""

from __future__ import annotations

from tests.harness.measurements import FULL, Report, Sized

__all__ = ["FULL", "Report", "Sized"]
