"""The player of a recording: in a notebook, in a saved notebook without a kernel, as a file, and on the dashboard.

    from dossier_realtime_server import Player
    Player(recording)                      # plays in the notebook's cell
    Player(recording).save("monday.html")  # plays in any browser, offline

The page holds all that it needs and sends no request: it is a frame that may run its script and nothing else. A player
shows all that its recording shows: open the recording with the clearance of the player's readers.
"""

from __future__ import annotations

import gzip
import html
import os
import secrets
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec

from dashboard.language.display_options import THEMES, Theme
from dashboard.language.i18n import LANGUAGES, Language, direction, say
from dashboard.playback.player_data import PLAYER_PAGES, playback
from dashboard.screen.assets import PLAYER_SCRIPTS, STYLES, read
from dashboard.screen.panes import PANES
from dossier_realtime.recording import moments
from dossier_realtime.recording.recording import Recording

if TYPE_CHECKING:
    from dossier_realtime.recording.moments import Moment, Zone

_HEIGHT_PIXELS = 980  # of the frame in a notebook

_templates = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701  all texts are escaped or ours
_page = _templates.from_string(read(["templates/player.html"]))


class Player:
    """A player of a recording, in both languages.

    `since` and `until` choose a time of it, in any form that a recording takes; one without a zone is in `tz`. `pages`
    are those whose state is shown. Raises ValueError for an unknown page, language or theme, for an empty recording,
    and for times without entries.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        language: Language = "en",
        theme: Theme = "light",
        since: Moment | None = None,
        until: Moment | None = None,
        tz: Zone = UTC,
        pages: Sequence[str] = PLAYER_PAGES,
    ) -> None:
        for what, value, known in (("language", language, LANGUAGES), ("theme", theme, THEMES)):
            if value not in known:
                raise ValueError(f"there is no {what} {value!r}; take one of {', '.join(known)}")
        for page in pages:
            if page not in PANES:
                raise ValueError(f"there is no page {page!r}; take one of {', '.join(PANES)}")
        begins, ends = recording.span
        asked = moments.span(since, until, tz)
        first, last = (whole if one is None else one for one, whole in zip(asked, (begins, ends), strict=True))
        if not recording.index.since(first) < recording.index.until(last):
            raise ValueError("nothing was recorded in this time; recording.events() shows when something was")
        self._language: Language = language
        self._theme: Theme = theme
        self.data = playback(recording, first, last, pages)

    def html(self) -> str:
        """Return the whole page."""
        options: dict[str, Any] = {"language": self._language, "theme": self._theme, "switches": True}
        return _page.render(
            language=self._language,
            direction=direction(self._language),
            title=html.escape(say(self._language, "player.title")),
            noscript=html.escape(say(self._language, "player.noscript")),
            nonce=secrets.token_urlsafe(16),
            style=read(STYLES),
            script=read(PLAYER_SCRIPTS),
            recording=packed(self.data).decode(),
            options=msgspec.json.encode(options).decode(),
        )

    def save(self, file: str | Path) -> Path:
        """Write the page to a file, which plays offline; a new one is for its owner only. Returns its path."""
        path = Path(file)
        with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as page:
            page.write(self.html())
        return path

    def _repr_html_(self) -> str:
        """Return the page in a frame, for notebooks: it is saved with the notebook and plays without a kernel."""
        title = html.escape(say(self._language, "player.title"))
        frame = 'sandbox="allow-scripts" style="width: 100%; border: 0"'
        return (
            f'<iframe title="{title}" {frame} height="{_HEIGHT_PIXELS}" srcdoc="{html.escape(self.html())}"></iframe>'
        )


def packed(data: dict[str, Any]) -> bytes:
    """Return a player's data as the page holds it: base64 of gzip of JSON."""
    return b64encode(gzip.compress(msgspec.json.encode(data), compresslevel=6, mtime=0))
