"""The page at `/`, the room, and the files of both: nothing of them comes from another host."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from app.web.http.answering_handler import STANDARD
from app.web.http.guarded_handler import GuardedHandler

_FOLDER: Final = Path(__file__).parent / "assets"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@cache
def page_files() -> dict[str, bytes]:
    """Return the files of the pages by name, read once."""
    return {file.name: file.read_bytes() for file in sorted(_FOLDER.iterdir()) if file.suffix in _TYPES}


class _PageHandler(GuardedHandler):
    def send(self, name: str) -> None:
        """Answer with a file of the pages; 404 for another name, for a handshake, and where the address has no room."""
        body = page_files().get(name)
        if body is None or self.site.guests is None or "Upgrade" in self.request.headers:  # sockets open at /v1 alone
            self.refuse(404, *STANDARD[404])
            return
        self.set_header("Content-Type", _TYPES[Path(name).suffix])
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish(body)


class PageFileHandler(_PageHandler):
    """One file of a page."""

    def get(self, name: str) -> None:
        """Answer with the file."""
        self.send(name)

    head = get


class LandingHandler(_PageHandler):
    """`/`: what this service is, links to its descriptions, and the door to the room."""

    def get(self) -> None:
        """Answer with the page."""
        self.send("landing.html")

    head = get


class RoomHandler(_PageHandler):
    """`/room`: a dossier, a document, notifications, tasks, an alert and a brief, for guests who are there at once."""

    def get(self) -> None:
        """Answer with the page."""
        self.send("room.html")

    head = get
