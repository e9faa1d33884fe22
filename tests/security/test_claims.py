"""Claims: which of them a well-signed token may carry, and when."""

from __future__ import annotations

from typing import Any

import pytest

from app.security.auth import TokenVerifier
from app.security.auth_settings import AuthSettings
from app.security.minting import mint
from dossier_realtime.protocol.classification import Clearance
from tests.security.signing import NOW, SECRET, SETTINGS, refusal, token, user_of


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(SETTINGS)


def test_a_full_token_gives_the_whole_identity(verifier: TokenVerifier) -> None:
    identity = verifier.verify(
        token(
            name="آمنة",
            role="editor",
            avatar="https://faces.example/a.png?s=64",
            permissions=["read:dossier:country:*", "admin:*"],
            clearance="secret",
            jti="t-1",
            iat=NOW - 1.5,
            exp=NOW + 600.9,
        ),
        NOW,
    )
    assert (identity.user_id, identity.name, identity.role) == ("u-1", "آمنة", "editor")
    assert identity.avatar == "https://faces.example/a.png?s=64"
    assert [grant.text for grant in identity.grants] == ["read:dossier:country:*", "admin:*"]
    assert identity.clearance is Clearance.SECRET
    assert (identity.token_id, identity.issued_at, identity.expires_at) == ("t-1", NOW - 2, NOW + 600)


def test_a_least_token_gets_the_defaults(verifier: TokenVerifier) -> None:
    identity = verifier.verify(token(), NOW)
    assert (identity.name, identity.role, identity.avatar) == ("u-1", "member", None)
    assert (identity.grants, identity.clearance) == ((), Clearance.INTERNAL)
    assert (identity.token_id, identity.issued_at) == (None, None)


def test_display_claims_may_be_null(verifier: TokenVerifier) -> None:
    identity = verifier.verify(token(name=None, avatar=None), NOW)
    assert (identity.name, identity.avatar) == ("u-1", None)


@pytest.mark.parametrize(
    ("claimed", "shown"),
    [
        ("ali\u202egnp", "alignp"),
        ("\u2067نورة\u2069", "نورة"),
        ("  Nora\u2028Saleh ", "Nora Saleh"),
        ("\u200f\u202e", "u-1"),
        ("", "u-1"),
    ],
)
def test_a_name_cannot_turn_the_text_around_it(verifier: TokenVerifier, claimed: str, shown: str) -> None:
    assert verifier.verify(token(name=claimed), NOW).name == shown


REFUSED_CLAIMS: dict[str, dict[str, Any]] = {
    "sub missing": {"sub": ...},
    "sub of a number": {"sub": 7},
    "sub empty": {"sub": ""},
    "sub of 65": {"sub": "a" * 65},
    "sub with a new line at its end": {"sub": "u-1\n"},
    "sub with a colon": {"sub": "user:1"},
    "sub of one dot": {"sub": "."},
    "sub of two dots": {"sub": ".."},
    "sub of three dots": {"sub": "..."},
    "A15 exp past": {"exp": NOW - 1},
    "A15 exp now": {"exp": NOW},
    "A15 exp a fraction past now": {"exp": NOW + 0.9},
    "A15 exp missing": {"exp": ...},
    "exp null": {"exp": None},
    "exp as text": {"exp": str(NOW + 600)},
    "exp true": {"exp": True},
    "exp 1e308": {"exp": 1e308},
    "exp beyond a float": {"exp": 10**400},
    "exp over 24 h from now": {"exp": NOW + 86_401},
    "A17 exp over 24 h from iat": {"exp": NOW + 600, "iat": NOW + 600 - 86_401},
    "iat 6 s ahead": {"iat": NOW + 6},
    "iat as text": {"iat": "1"},
    "nbf 6 s ahead": {"nbf": NOW + 6},
    "nbf null": {"nbf": None},
    "A19 aud missing": {"aud": ...},
    "A19 aud other": {"aud": "dossier"},
    "A19 aud a list with ours": {"aud": ["dossier-realtime"]},
    "aud a list of numbers": {"aud": [1]},
    "A25 permissions text": {"permissions": "admin"},
    "A25 permissions object": {"permissions": {}},
    "permissions null": {"permissions": None},
    "A25 permissions of 1,001": {"permissions": [0] * 1001},
    "A26 clearance unknown": {"clearance": "cosmic"},
    "A26 clearance in capitals": {"clearance": "SECRET"},
    "A26 clearance number": {"clearance": 3},
    "A26 clearance list": {"clearance": ["secret"]},
    "clearance null": {"clearance": None},
    "name of a number": {"name": 1},
    "name of 201": {"name": "n" * 201},
    "name with a control character": {"name": "a\x1b[31m"},
    "name with a lone surrogate": {"name": "\ud800"},
    "unread claim with a lone surrogate": {"x": ["\udfff"]},
    "role with a space": {"role": "head of"},
    "avatar by http": {"avatar": "http://faces.example/a.png"},
    "avatar script": {"avatar": "javascript:alert(1)"},
    "avatar with an account": {"avatar": "https://a@b/"},
    "avatar with a quote": {"avatar": 'https://b/"onload=x'},
    "avatar without a host": {"avatar": "https:///a.png"},
    "avatar of 2,049": {"avatar": "https://b/" + "a" * 2039},
    "jti empty": {"jti": ""},
    "jti of 129": {"jti": "j" * 129},
    "jti number": {"jti": 5},
}


@pytest.mark.parametrize("claims", REFUSED_CLAIMS.values(), ids=REFUSED_CLAIMS.keys())
def test_a_bad_claim_is_refused_though_well_signed(claims: dict[str, Any]) -> None:
    candidate = token(**claims)
    assert len(candidate) <= 4096  # it is not refused for its length
    assert refusal(candidate)


ACCEPTED_CLAIMS: dict[str, dict[str, Any]] = {
    "exp in a second": {"exp": NOW + 1},
    "exp in 24 h": {"exp": NOW + 86_400, "iat": NOW},
    "nbf and iat now": {"nbf": NOW, "iat": NOW},
    "nbf and iat 5 s ahead": {"nbf": NOW + 5, "iat": NOW + 5},
    "sub with dots in it": {"sub": "a..b."},
    "permissions of 1,000": {"permissions": [0] * 1000},
    "avatar of 2,048": {"avatar": "https://b/" + "a" * 2038},
    "jti of 128": {"jti": "j" * 128},
    "name of 200": {"name": "n" * 200},
    "claims of others": {"scope": "openid", "https://issuer.example/x": {"y": [1.5, None]}},
    "an issuer nobody asked for": {"iss": "https://issuer.example"},
}


@pytest.mark.parametrize("claims", ACCEPTED_CLAIMS.values(), ids=ACCEPTED_CLAIMS.keys())
def test_a_claim_at_the_edge_of_the_rules_is_accepted(verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    assert verifier.verify(token(**claims), NOW).user_id == claims.get("sub", "u-1")


def test_a25_permissions_that_do_not_parse_are_dropped_from_among_the_good(verifier: TokenVerifier) -> None:
    given = ["write:document:42", "own:document:1", 7, None, ["admin:*"], "read", "read:global"]
    identity = verifier.verify(token(permissions=given), NOW)
    assert [grant.text for grant in identity.grants] == ["write:document:42", "read:global"]


@pytest.mark.parametrize("leeway", [0, 5, 60])
def test_a15_leeway_lets_a_token_begin_early_and_never_end_late(leeway: int) -> None:
    settings = AuthSettings(secret=SECRET, leeway=leeway)
    verifier = TokenVerifier(settings)
    assert verifier.verify(token(nbf=NOW + leeway, iat=NOW + leeway), NOW).user_id == "u-1"
    assert refusal(token(nbf=NOW + leeway + 1), settings) == "not valid yet"
    assert refusal(token(iat=NOW + leeway + 1), settings) == "issued in the future"
    assert verifier.verify(token(exp=NOW + 1), NOW + 0.9).user_id == "u-1"
    assert refusal(token(exp=NOW), settings) == "expired"


def test_a19_an_audience_list_is_accepted_only_if_the_settings_say_so() -> None:
    settings = AuthSettings(secret=SECRET, audience_list=True)
    assert user_of(token(aud=["other", "dossier-realtime"]), settings) == "u-1"
    assert user_of(token(), settings) == "u-1"
    for aud in (["other"], [], ["dossier-realtime", 1], ["dossier-realtime-2"]):
        assert refusal(token(aud=aud), settings)


@pytest.mark.parametrize(
    "iss",
    [
        ...,
        "https://issuer.exampl",
        "https://issuer.example/",
        "https://ISSUER.example",
        ["https://issuer.example"],
    ],
)
def test_a20_the_issuer_must_be_ours_to_the_letter(iss: Any) -> None:
    settings = AuthSettings(secret=SECRET, issuer="https://issuer.example")
    assert user_of(token(iss="https://issuer.example"), settings) == "u-1"
    assert refusal(token(iss=iss), settings)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"sub": "علي"}, "1 to 64 of the characters A-Z a-z 0-9 . _ -, and not dots alone - at `$.sub`"),
        ({"name": "a\nb"}, "at most 200 characters, without control characters - at `$.name`"),
    ],
)
def test_a_claim_that_is_not_of_its_form_is_refused_with_the_form_in_words(claims: dict[str, str], told: str) -> None:
    given: dict[str, Any] = {"sub": "ali", "permissions": (), "ttl": 60, "now": NOW} | claims
    with pytest.raises(ValueError, match="would be refused") as refused:
        mint(SETTINGS, **given)
    assert told in str(refused.value)
    assert "regex" not in str(refused.value)
