"""Every word that the dashboard says, by key: in English, and in Arabic. Data is never translated."""

from __future__ import annotations

from . import audit, pages, player, shell

WORDS: dict[str, tuple[str, str]] = shell.WORDS | pages.WORDS | audit.WORDS | player.WORDS
