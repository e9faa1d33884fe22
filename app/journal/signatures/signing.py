"""The key that signs exports, anchors and checkpoints: Ed25519, so that an auditor checks with the public half alone.

It is made once, in the data folder (`journal-key.pem` for its owner only, `journal-key.pub` to be given away), or lies
elsewhere: in a file, or behind a command that signs. The chain names it by its fingerprint, so another key is found.
"""

from __future__ import annotations

import base64
import binascii
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app.configuration.settings import JournalSettings
from app.journal.store import JournalError, write_whole
from dossier_realtime.archive.folder import read_lines, segment_paths
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.proof.signed import Purpose, fingerprint, signed_text

PRIVATE, PUBLIC = "journal-key.pem", "journal-key.pub"
_ROTATE = "a change on purpose is recorded by `python run.py rotate-key`"
_NAMING = (b'"kind":"start"', b'"kind":"checkpoint"', b'"kind":"key"')


class SigningError(OSError):
    """Raised when a text could not be signed; the sentence says why and what to do."""


@dataclass(frozen=True)
class KeyPlace:
    """The place of the signing key.

    Either a PEM file; or a command that gets the text on its standard input and prints the signature in base64, with
    the file of its public key. Neither: the data folder.
    """

    file: str = ""
    command: str = ""
    public: str = ""
    timeout: float = 10.0


def key_place(settings: JournalSettings) -> KeyPlace:
    """Return the place of the signing key that the configuration names."""
    return KeyPlace(settings.signing_key_file, settings.signer_command, settings.signer_public_key_file)


class Signer:
    """A signing key in a file; that of the data folder is made if there is none, unless `make` is false.

    Its public half is put into the data folder, unless `publish` is false. Raises JournalError where the key cannot be
    used, or the public file there is of another key.
    """

    def __init__(self, data: Path, file: Path | None = None, *, publish: bool = True, make: bool = True) -> None:
        private, self.public = file or data / PRIVATE, data / PUBLIC
        try:
            if make:
                data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if make and file is None and not private.exists() and not self.public.exists():
                write_key(private, Ed25519PrivateKey.generate())
            self._key = read_private_key(private)
            self._public = self._key.public_key()
            if publish:
                self._publish()
        except (OSError, ValueError) as wrong:
            raise JournalError(
                f"The signing key {private} cannot be used: {wrong}. Put the old one back; {_ROTATE}."
            ) from wrong

    @property
    def fingerprint(self) -> str:
        """Return the name of the key in the chain."""
        return fingerprint(raw(self._public))

    @property
    def public_bytes(self) -> bytes:
        """Return the 32 bytes of the public key."""
        return raw(self._public)

    @staticmethod
    def fingerprint_of(public: Path) -> str:
        """Return the name of a public key in a file. Raises OSError and ValueError."""
        return fingerprint(raw(_public_key(public)))

    def sign(self, purpose: Purpose, text: bytes) -> str:
        """Return the signature of a text for a purpose, in base64. Raises SigningError."""
        return self.sign_bytes(signed_text(purpose, text))

    def sign_bytes(self, text: bytes) -> str:
        """Return the signature of a text that names its purpose itself. Raises SigningError."""
        return base64.b64encode(self._key.sign(text)).decode()

    def _publish(self) -> None:
        if not self.public.exists():
            write_public(self.public, self._public)
        elif raw(_public_key(self.public)) != raw(self._public):
            raise ValueError(f"{self.public} is the public half of another key")


class CommandSigner(Signer):
    """A signing key behind a command; each signature is checked with the public key before it is used."""

    def __init__(self, place: KeyPlace) -> None:
        self.public = Path(place.public)
        self._command, self._timeout = shlex.split(place.command), place.timeout
        try:
            self._public = _public_key(self.public)
        except (OSError, ValueError) as wrong:
            raise JournalError(
                f"{self.public} holds no public key ({wrong}): name that of the signer command in "
                "journal.signer_public_key_file"
            ) from wrong

    def sign_bytes(self, text: bytes) -> str:
        """Return the signature that the command prints, in base64. Raises SigningError."""
        try:
            done = subprocess.run(  # noqa: S603  the administrator's own command
                self._command, input=text, capture_output=True, timeout=self._timeout, check=True
            )
            signature = done.stdout.decode("ascii").strip()
            self._public.verify(base64.b64decode(signature, validate=True), text)
        except (OSError, subprocess.SubprocessError) as wrong:
            raise SigningError(f"The signer command failed ({wrong}): look after journal.signer_command") from wrong
        except (InvalidSignature, binascii.Error, UnicodeDecodeError) as wrong:
            raise SigningError(
                f"The signer command printed no signature by {self.public}: it must print base64 by that key"
            ) from wrong
        return signature


def open_signer(data: Path, place: KeyPlace, named: str = "", *, make: bool = True) -> Signer:
    """Open the configured key. `named`: the fingerprint that the chain names, "" for none. `make`: one that is missing.

    Raises JournalError where the key is missing, cannot be used, or is another one than the chain names.
    """
    if place.command:
        signer: Signer = CommandSigner(place)
    elif named and not place.file and not (data / PRIVATE).exists():
        raise JournalError(
            f"The signing key {data / PRIVATE} is missing, and the journal names one ({named[:16]}…). Put it back; "
            "if it is lost, `python run.py rotate-key --lost` records that a new one signs from now on."
        )
    else:
        signer = Signer(data, Path(place.file) if place.file else None, make=make)
    if named and signer.fingerprint != named:
        raise JournalError(
            f"The signing key is another one ({signer.fingerprint[:16]}…) than the journal names ({named[:16]}…). "
            f"Put the old one back; {_ROTATE}."
        )
    return signer


def named_key(folder: Path, node: str) -> str:
    """Return the fingerprint of the key that a node's chain named last; "" for none."""
    for path in reversed(segment_paths(folder, node) if folder.is_dir() else []):
        found = ""
        for line in read_lines(path):
            start = line[65:160]
            if any(kind in start for kind in _NAMING):
                detail = _detail(line)
                found = str(detail.get("new") or detail.get("key") or found)
        if found:
            return found
    return ""


def raw(key: Ed25519PublicKey) -> bytes:
    """Return a public key's 32 bytes."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def write_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a private key, for its owner only. Raises OSError."""
    write_whole(path, [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())])


def write_public(path: Path, key: Ed25519PublicKey) -> None:
    """Write a public key. Raises OSError."""
    write_whole(path, [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)])


def _detail(line: bytes) -> dict[str, object]:
    try:
        return dict(msgspec.json.decode(line.split(b"\t", 2)[1], type=Header).detail)
    except (IndexError, ValueError):
        return {}  # verifying says so


def read_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key. Raises OSError and ValueError."""
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("it is a key of another kind")  # noqa: TRY004  told like the others
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is a key of another kind")  # noqa: TRY004  likewise
    return key
