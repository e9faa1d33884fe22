"""Every text of the dashboard, by key: in English and in Arabic. Data is never translated."""

from __future__ import annotations

from . import audit, details, pages, player, shell, work

TRANSLATIONS: dict[str, tuple[str, str]] = (
    shell.TRANSLATIONS
    | work.TRANSLATIONS
    | pages.TRANSLATIONS
    | details.TRANSLATIONS
    | audit.TRANSLATIONS
    | player.TRANSLATIONS
)
