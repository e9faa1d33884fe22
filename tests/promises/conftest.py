"""What promises print, and in which size they are shown."""

from __future__ import annotations

from tests.harness.measurements import FULL, Report, Sized

__all__ = ["FULL", "Report", "Sized"]
