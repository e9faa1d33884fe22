"""Pages that need no access token: security.txt, and the metrics where they are open."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.configuration.settings import SecurityTxtSettings


@dataclass(frozen=True, slots=True)
class PublicPages:
    """The pages of one address. `metrics_open`: its metrics need no token; otherwise `metrics_token` opens them."""

    metrics_open: bool
    metrics_token: str
    security: SecurityTxtSettings

    def is_metrics_token(self, authorization: str) -> bool:
        """Return True when an Authorization header is `Bearer` and the metrics' token; in constant time."""
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self.metrics_token:
            return False
        return hmac.compare_digest(_digest(given), _digest(self.metrics_token))

    def security_txt(self, now: float) -> str:
        """Return the file of RFC 9116 at a time (Unix seconds); "" without a contact and after its end."""
        settings = self.security
        if not settings.contact or now >= expires_at(settings.expires):
            return ""
        lines = [f"Contact: {contact}" for contact in settings.contact]
        lines.append(f"Expires: {settings.expires}T00:00:00Z")
        if settings.languages:
            lines.append(f"Preferred-Languages: {', '.join(settings.languages)}")
        if settings.policy:
            lines.append(f"Policy: {settings.policy}")
        return "".join(f"{line}\n" for line in lines)


def expires_at(date: str) -> float:
    """Return the beginning of a day in UTC, as Unix seconds. Raises ValueError where it is no date."""
    return datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
