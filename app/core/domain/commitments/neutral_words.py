"""The words that stand in an alert for those of a commitment that is classified above the channel of the alert. Pure.

Source: docs/protocol.md#commitments.
"""

from __future__ import annotations

from typing import Final

from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.fields import Localized

_ARABIC: Final = {
    Clearance.PUBLIC: "عام",
    Clearance.INTERNAL: "داخلي",
    Clearance.CONFIDENTIAL: "سري",
    Clearance.SECRET: "سري للغاية",
}
DEPARTMENT: Final = Localized("Named in the commitment", "مذكورة في الالتزام")


def neutral_title(level: Clearance) -> Localized:
    """Return a title that says no more of a commitment than its classification."""
    return Localized(
        f"Commitment of classification {level.label}; open it to read",
        f"التزام بتصنيف «{_ARABIC[level]}»؛ افتحه لقراءته",
    )
