"""What a code tells a client to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.errors import MEANINGS, CloseCode, ErrorCode, may_come_back


def test_an_error_code_is_its_own_name_on_the_wire() -> None:
    assert [code.value for code in ErrorCode] == [code.name for code in ErrorCode]


@pytest.mark.parametrize(
    ("code", "number", "comes_back"),
    [
        ("SLOW_CONSUMER", 4000, True),
        ("HEARTBEAT_LOST", 4001, True),
        ("TOKEN_EXPIRED", 4002, True),
        ("POSITION_LOST", 4003, True),
        ("RATE_ABUSE", 4004, True),
        ("AUTH_TIMEOUT", 4005, True),
        ("AUTH_FAILED", 4500, False),
        ("REVOKED", 4501, False),
        ("PROTOCOL_ABUSE", 4502, False),
        ("CONNECTION_LIMIT", 4503, False),
        ("SESSION_REPLACED", 4504, False),
        ("SERVICE_RESTART", 1012, True),
        ("TRY_AGAIN_LATER", 1013, True),
        ("INTERNAL_ERROR", 1011, True),
        ("GOING_AWAY", 1001, True),
        ("NORMAL", 1000, False),
        ("PROTOCOL_ERROR", 1002, False),
        ("TOO_BIG", 1009, False),
    ],
)
def test_a_close_code_says_whether_to_come_back(code: str, number: int, comes_back: bool) -> None:
    assert CloseCode[code] == number
    assert CloseCode[code].come_back is comes_back


@given(code=st.integers(min_value=4000, max_value=4999))
def test_the_range_of_a_code_of_our_own_decides_also_for_codes_to_come(code: int) -> None:
    assert may_come_back(code) is (code < 4500)


@pytest.mark.parametrize("code", [1005, 1006, 1015, 3000])
def test_a_code_that_no_server_of_ours_sends_invites_back(code: int) -> None:
    assert may_come_back(code)


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == {*ErrorCode, *CloseCode}
    assert all(meaning.endswith(".") for meaning in MEANINGS.values())
