"""Redis servers behind TLS, with certificates of an authority of the test's own."""

from __future__ import annotations

import hashlib
import socket
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

import trustme

from tests.harness.eventually import HANG_SECONDS
from tests.harness.redis_server import RedisServer
from tests.harness.service import ROOT

PASSWORD = "correct-horse-battery-staple"


class Authority:
    """An authority, the file that it is trusted by, and certificates for servers of given names."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca = trustme.CA()
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.file))

    def options(self, *names: str) -> list[str]:
        """Return the options of a server whose certificate is for these names."""
        # Files of their own: another server of the same names may be reading its own just now.
        leaf, base = self.ca.issue_cert(*names), Path(tempfile.mkdtemp(dir=self._folder)) / names[0]
        key, certificate = Path(f"{base}.key"), Path(f"{base}.crt")
        key.write_bytes(leaf.private_key_pem.bytes())
        certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-ca-cert-file", str(self.file)]
        return [*files, "--tls-auth-clients", "no", "--tls-protocols", "TLSv1.3"]


class SecureServer(RedisServer):
    """A server that speaks TLS only, with a certificate for `names`."""

    def __init__(
        self, folder: Path, authority: Authority, *options: str, names: Sequence[str] = ("127.0.0.1", "localhost")
    ) -> None:
        super().__init__(folder)
        self._authority = authority
        secure = "--port", "0", "--tls-port", str(self.port), *authority.options(*names)
        self.options = (*secure, *options)

    @property
    def url(self) -> str:
        return f"rediss://{self.host}:{self.port}/0"

    def answers(self) -> bool:
        return self.command("PING").startswith((b"+PONG", b"-NOAUTH"))  # the shipped users let in nobody unknown

    def dial(self, seconds: float = HANG_SECONDS) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self._authority.file))
        context.check_hostname = False
        return context.wrap_socket(super().dial(seconds))


def shipped_users(folder: Path) -> list[str]:
    """Return the option by which a server has the shipped users, all with the password."""
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    users = (ROOT / "config" / "users.acl").read_text().replace("on resetpass", f"on #{digest}")
    (folder / "users.acl").write_text(users)
    return ["--aclfile", str(folder / "users.acl")]
