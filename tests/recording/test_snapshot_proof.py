"""Signed snapshots offline: no byte of a file can be changed, and no other key or purpose stands for it."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from app.journal.signatures.signing import Signer
from dossier_realtime.archive.keys import check_by_bytes
from dossier_realtime.archive.snapshots import open_snapshot
from dossier_realtime.protocol.commands import Attributes
from dossier_realtime.protocol.documents.snapshots import SignedSnapshot, SnapshotStatement, SnapshotUser
from dossier_realtime.protocol.responses import FormatRun
from dossier_realtime.recording.proof.signed import fingerprint, signed_text
from dossier_realtime.recording.proof.snapshot import (
    NOT_SIGNED,
    OTHER_FORMAT,
    OTHER_KEY,
    OTHER_TEXT,
    SnapshotError,
    format_digest,
    read_snapshot,
    snapshot_file,
    snapshot_text,
    text_digest,
)

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
CHECKS = {fingerprint(PUBLIC): check_by_bytes(PUBLIC)}


def _signed(text: bytes) -> str:
    return base64.b64encode(KEY.sign(text)).decode()


def _snapshot(content: str = "وقّع 😀 the parties", bold: int = 4) -> SignedSnapshot:
    runs = [FormatRun(0, bold, Attributes(bold=True))]
    statement = SnapshotStatement(
        document="mou-7",
        epoch="e1",
        version=12,
        classification="confidential",
        text_sha256=text_digest(content),
        format_sha256=format_digest(runs),
        author=SnapshotUser("ali", "Ali"),
        committed_at=1_700_000_000,
        asked_by=SnapshotUser("bea", "Bea"),
        signed_at=1_700_000_100,
        present=[SnapshotUser("ali", "Ali"), SnapshotUser("bea", "Bea")],
        present_count=2,
        note="as agreed",
        key=fingerprint(PUBLIC),
    )
    return SignedSnapshot(
        statement=statement, content=content, format=runs, signature=_signed(snapshot_text(statement))
    )


FILE = snapshot_file(_snapshot())


def test_a_snapshot_is_proven_with_its_key() -> None:
    assert snapshot_file(read_snapshot(FILE, CHECKS)) == FILE
    assert read_snapshot(FILE, {}).statement.version == 12


@pytest.mark.parametrize("place", range(len(FILE)))
def test_every_byte_of_the_file_is_covered(place: int) -> None:
    for other in {FILE[place] ^ 1, FILE[place] ^ 0x20, ord(" "), ord("A"), ord("0")} - {FILE[place]}:
        changed = FILE[:place] + bytes([other]) + FILE[place + 1 :]
        with pytest.raises(SnapshotError):
            read_snapshot(changed, CHECKS)
    for changed in (FILE[:place], FILE[:place] + FILE[place + 1 :], FILE[:place] + b" " + FILE[place:]):
        with pytest.raises(SnapshotError):
            read_snapshot(changed, CHECKS)


@pytest.mark.parametrize("tail", [b"\n", b" ", b"{}", b"\0", FILE])
def test_nothing_may_stand_behind_it(tail: bytes) -> None:
    with pytest.raises(SnapshotError):
        read_snapshot(FILE + tail, CHECKS)


def test_what_was_changed_is_said() -> None:
    honest = _snapshot()
    other = msgspec.structs.replace(honest, content="another text")
    with pytest.raises(SnapshotError, match=OTHER_TEXT):
        read_snapshot(snapshot_file(other), CHECKS)
    other = msgspec.structs.replace(honest, format=[])
    with pytest.raises(SnapshotError, match=OTHER_FORMAT):
        read_snapshot(snapshot_file(other), CHECKS)
    statement = msgspec.structs.replace(honest.statement, note="as I say")
    with pytest.raises(SnapshotError, match=NOT_SIGNED):
        read_snapshot(snapshot_file(msgspec.structs.replace(honest, statement=statement)), CHECKS)
    with pytest.raises(SnapshotError, match=OTHER_KEY.partition("{")[0]):
        read_snapshot(FILE, {"0" * 64: CHECKS[fingerprint(PUBLIC)]})
    with pytest.raises(SnapshotError, match="form 2"):
        read_snapshot(FILE.replace(b'"statement":{', b'"statement":{"form":2,'), CHECKS)


@pytest.mark.parametrize("purpose", ["export", "anchor", "checkpoint", "key", "brief"])
def test_a_signature_for_another_purpose_is_none(purpose: str) -> None:
    honest = _snapshot()
    text = signed_text(purpose, msgspec.json.encode(honest.statement))  # type: ignore[arg-type]  # a Literal of it
    forged = msgspec.structs.replace(honest, signature=_signed(text))
    with pytest.raises(SnapshotError, match=NOT_SIGNED):
        read_snapshot(snapshot_file(forged), CHECKS)


def test_a_signature_has_one_spelling() -> None:
    """The last characters of base64 hold bits that no decoder looks at: so it would be in every signed file."""
    text = b"signed"
    signature = _signed(text)
    check = CHECKS[fingerprint(PUBLIC)]
    assert check(text, signature)
    last = signature[-3]
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        assert check(text, f"{signature[:-3]}{other}==") is (other == last)


@given(data=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_a_finding_and_no_crash(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        read_snapshot(data, CHECKS)


def test_a_file_is_read_with_the_key_of_the_service(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    honest = _snapshot()
    statement = msgspec.structs.replace(honest.statement, key=signer.fingerprint)
    signature = signer.sign_bytes(snapshot_text(statement))
    file = tmp_path / "snapshot.json"
    file.write_bytes(snapshot_file(msgspec.structs.replace(honest, statement=statement, signature=signature)))
    found = open_snapshot(file, {signer.fingerprint: check_by_bytes(signer.public_bytes)})
    assert found.content == honest.content
