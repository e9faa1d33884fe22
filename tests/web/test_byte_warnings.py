"""A warning of the class `bytes` reaches its user and the operators, as those of the other classes do."""

from __future__ import annotations

from pathlib import Path

from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.in_process import running
from tests.harness.wire import Client

PADDING = "x" * 50_000


@asynchronous
async def test_operators_see_who_is_close_to_the_bound_of_bytes(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "s", {"limits.bytes_mib": 1}) as service,
        await Client.connect(service, tokens.operator()) as operator,
        await Client.connect(service, tokens.token("ali")) as ali,
    ):
        await operator.subscribe("ops:limits")
        await ali.send(*({"type": "ping", "ref": f"r{n}", "ignored": PADDING} for n in range(20)))  # 96 % of the bound
        warning = await ali.receive("rate_limit_warning")
        assert warning["payload"]["class"] == "bytes"
        keys: set[str] = set()
        while "ali bytes" not in keys:
            rows = (await operator.receive("ops_stats", channel="ops:limits"))["payload"]["rows"]
            keys |= {row["key"] for row in rows}
