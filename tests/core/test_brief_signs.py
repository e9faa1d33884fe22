"""The last sign of a brief that an external program writes: by table."""

from __future__ import annotations

import pytest

from app.core.briefs.signs import Signs, last_sign

NOW, SILENCE = 1_000.0, 60.0


@pytest.mark.parametrize(
    ("signs", "claimed", "silent"),
    [
        (Signs(0.0, known=900.0), False, True),  # nobody serves its type
        (Signs(0.0, known=990.0), False, False),  # it has just been asked for, whatever the wall clock says
        (Signs(0.0, known=100.0, served=990.0), False, False),  # it waits for its turn
        (Signs(0.0, known=100.0, served=900.0), False, True),
        (Signs(990.0), False, False),  # the service has just begun to listen
        (Signs(0.0), False, True),
        (Signs(0.0, known=100.0, served=990.0, reported=900.0), True, True),  # its own worker is silent
        (Signs(0.0, known=100.0, reported=990.0), True, False),
        (Signs(990.0, known=100.0), True, False),
        (Signs(0.0, served=990.0), True, True),
    ],
)
def test_a_brief_is_silent_where_nobody_serves_it(signs: Signs, claimed: bool, silent: bool) -> None:
    assert (NOW - last_sign(signs, claimed=claimed) >= SILENCE) is silent
