"""The rotation of the signing key, recorded in every chain of the data folder, signed by both keys where they exist.

The service must not run meanwhile: the folder of the journal is locked.
"""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.journal.signatures.signing import (
    PRIVATE,
    PUBLIC,
    CommandSigner,
    KeyPlace,
    Signer,
    named_key,
    open_signer,
    raw,
    read_private_key,
    write_key,
)
from app.journal.store import JournalError, nodes
from app.journal.writer import Journal
from dossier_realtime.recording.entry import Detail
from dossier_realtime.recording.proof.checkpoint import rotation_text
from dossier_realtime.recording.proof.signed import fingerprint

_NEXT = "journal-key.next.pem"


def rotate(data: Path, place: KeyPlace, *, old_file: Path | None = None, lost: bool = False) -> dict[str, str]:
    """Record the new key in each node's chain; return the old fingerprint of each that changed.

    In the data folder the new key is made here. In a file, or behind a command, it is the configured one, and the old
    one is `old_file`; with `lost` no old key signs. Nothing is changed where the old key is not the one that the chains
    name. Raises JournalError, OSError and ValueError.
    """
    ours = not place.file and not place.command
    old = _old_key(data, old_file, ours=ours, lost=lost)
    if ours:
        if not (data / _NEXT).exists():  # else a rotation broke off: it goes on
            write_key(data / _NEXT, Ed25519PrivateKey.generate())
        signer = Signer(data, data / _NEXT, publish=False)
    else:
        signer = CommandSigner(place) if place.command else Signer(data, Path(place.file), publish=False)
    before = {node: named_key(data / "journal", node) for node in nodes(data / "journal")}
    changed = {node: named for node, named in before.items() if named != signer.fingerprint}
    if old is not None:
        _expect_named(changed, old, old_file or data / PRIVATE)
    if not ours:
        _put_public_aside(data)
        signer = open_signer(data, place)
    for node, named in changed.items():
        _record(data / "journal", node, named, signer, old)
    if ours:
        _put_public_aside(data)
        (data / _NEXT).replace(data / PRIVATE)
        Signer(data)
    return changed


def _old_key(data: Path, file: Path | None, *, ours: bool, lost: bool) -> Ed25519PrivateKey | None:
    if lost:
        return None
    if file is None and not ours:
        raise JournalError("Name the old key's file with --old, or say --lost: then no old key signs the change")
    try:
        return read_private_key(file or data / PRIVATE)
    except (OSError, ValueError) as wrong:
        raise JournalError(
            f"The old key {file or data / PRIVATE} cannot be read ({wrong}): give it, or --lost"
        ) from wrong


def _expect_named(changed: dict[str, str], old: Ed25519PrivateKey, file: Path) -> None:
    """Refuse an old key that a chain does not name: the change would be recorded without the old key's signature."""
    mark = fingerprint(raw(old.public_key()))
    for node, named in changed.items():
        if named and named != mark:
            raise JournalError(
                f"{file} is another key ({mark[:16]}…) than the journal of {node} names ({named[:16]}…), so nothing "
                "was recorded: name that key's file with --old, or say --lost if it is lost"
            )


def _record(folder: Path, node: str, named: str, signer: Signer, old: Ed25519PrivateKey | None) -> None:
    told: Detail = {
        "old": named,
        "new": signer.fingerprint,
        "public": base64.b64encode(signer.public_bytes).decode(),
        "at": round(time.time(), 3),
    }
    text = rotation_text(node, told)
    told["accepted"] = signer.sign_bytes(text)
    if old is not None and named:
        told["signature"] = base64.b64encode(old.sign(text)).decode()
    about = {"node": node, "pid": str(os.getpid())} | ({"key": named} if named else {})
    journal = Journal(folder, node, about=about)
    journal.record("key", detail=told)
    if journal.close():
        raise JournalError(f"The journal in {folder} could not be written to its end: free disk space, and try again")


def _put_public_aside(data: Path) -> None:
    """Keep the old public key under its fingerprint: what it signed is checked with it."""
    path = data / PUBLIC
    if path.exists():
        path.replace(data / f"journal-key-{Signer.fingerprint_of(path)[:16]}.pub")
