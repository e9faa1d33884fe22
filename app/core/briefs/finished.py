"""A finished brief: its text in both languages, its sources, and the signed words about where it came from."""

from __future__ import annotations

from msgspec import Struct

from app.core.briefs.facts import EntityFact
from app.core.briefs.output_checks import CheckName, Language


class Provenance(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The origin of a brief's first version, as it is signed. Digests are SHA-256 in hexadecimal."""

    request_id: str
    document: str
    version: int
    generator: str
    model: str
    requested_by: str
    sources: list[str]
    text_en: str
    text_ar: str
    made_at: int


class BriefCheck(Struct, frozen=True):
    """One check of the text in one language, and how far the text passed it, from 0 to 1."""

    language: Language
    name: CheckName
    score: float


class FinishedBrief(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The text of a brief and all that it rests on.

    `checks`: those that its confidence is the product of, where its text was checked.
    `signature` is over the JSON of `provenance`, in base64, by the key with the fingerprint `key`.
    """

    en: str
    ar: str
    facts: list[EntityFact]
    provenance: Provenance
    checks: list[BriefCheck] = []
    key: str = ""
    signature: str = ""
