"""P19: what RFC 6455 asks of a server, over real sockets. The parser alone has its tests in tests/node."""

from __future__ import annotations

import asyncio

from tests.harness.service import Service
from tests.harness.wire import Raw, text
from tests.node.rfc6455_cases import CASES, CLOSE, PING, PONG, Case, frame

_LAST = b"the last one"


async def _pongs_and_close(service: Service, token: str, case: Case) -> tuple[list[bytes], int | None]:
    """Return the answer of the service to a case, after authentication; the JSON of its errors is not looked at."""
    raw = await Raw.upgraded(service)
    try:
        await raw.send(text({"type": "auth", "payload": {"token": token}}))
        for _ in ("auth_success", "connection_state"):
            assert await raw.frame() is not None
        # Behind everything else a ping: its pong says that the service read so far and did not close.
        await raw.send(*case.chunks_to_send, frame(PING, _LAST))
        pongs: list[bytes] = []
        while (one := await raw.frame()) is not None:
            if one.opcode == CLOSE:
                return pongs, one.code
            if one.opcode == PONG:
                if one.payload == _LAST:
                    return pongs, None
                pongs.append(one.payload)
        return pongs, 1006
    finally:
        await raw.close()


def _expected(case: Case) -> tuple[list[bytes], int | None]:
    code = case.expected_close
    return case.expected_pongs, 1000 if code == 1005 else code  # a close frame without a code is answered 1000


def test_every_case_gets_its_pongs_and_its_close_code_over_the_wire(service: Service) -> None:
    token = service.token("u-rfc6455")

    async def scenario() -> dict[str, tuple[list[bytes], int | None]]:
        return {case.id: await _pongs_and_close(service, token, case) for case in CASES}

    answers = asyncio.run(scenario())
    failed = {case.id: (answers[case.id], _expected(case)) for case in CASES if answers[case.id] != _expected(case)}
    print(f"P19: {len(CASES)} cases, {len(failed)} failed")  # noqa: T201  the promise's figure
    assert failed == {}
