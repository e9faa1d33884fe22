"""Requests of strangers over HTTP cost nobody else anything: before a token, without files, past the bounds."""

from __future__ import annotations

import asyncio
import resource
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.measurements import Report
from tests.harness.service import Service
from tests.harness.wire import Client, Raw, Response, request, upgrade

HOST = ("Host", "localhost")
MIB = 1 << 20


def _put(token: str, length: int, *, body: bytes = b"") -> bytes:
    authorization = ("Authorization", f"Bearer {token}")
    return request("PUT", "/v1/documents/d", HOST, authorization, ("Content-Length", str(length)), body=body)


def test_a_body_is_not_read_from_whom_nobody_knows(tmp_path: Path, report: Report) -> None:
    async def scene() -> None:
        before = psutil.Process(service.pid).memory_info().rss
        async with AsyncExitStack() as stack:
            for method, path in (("PUT", "/v1/documents/d"), ("POST", "/v1/publish"), ("POST", "/v1/tokens/revoke")):
                for headers in ((), (("Authorization", "Bearer nonsense"),)):
                    for length in (("Content-Length", "40000"), ("Transfer-Encoding", "chunked")):
                        raw = await Raw.open(service)
                        stack.push_async_callback(raw.close)
                        await raw.send(request(method, path, HOST, length, *headers))
                        answer = await raw.response()  # not a byte of the body was sent
                        assert answer.status == 401
                        assert answer.headers["connection"] == "close"
                        assert await raw.ended() == b""
        report(f"RSS grew by {(psutil.Process(service.pid).memory_info().rss - before) / MIB:.1f} MiB")

    with Service(tmp_path / "s") as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()


def test_bodies_in_memory_are_bounded_for_a_user_and_for_all(tmp_path: Path, report: Report) -> None:
    """Each of many calls sends all of its body but the last byte, so that what is taken stays in flight."""

    async def call(user: int) -> Response:
        raw = await Raw.open(service)
        try:
            with suppress(ConnectionError):
                token = tokens.token(f"u-{user}", "write:document:*", role="service")
                await raw.send(_put(token, 6 * MIB, body=b" " * (6 * MIB - 1)))
                return await raw.response()
            return Response(0, {}, b"")
        finally:
            await raw.close()

    async def scene() -> None:
        calls = [asyncio.create_task(call(user)) for user in range(4) for _ in range(3)]
        for refused in asyncio.as_completed(calls[:]):
            await refused
            if sum(task.done() for task in calls) >= 7:  # 32 MiB hold five of 6 MiB
                break
        held = service.metrics()["dossier_http_body_bytes"]
        assert held <= 32 * MIB
        assert {task.result().status for task in calls if task.done()} <= {0, 503}  # 0: the answer met what was sent
        grown = psutil.Process(service.pid).memory_info().rss - before
        report(f"12 bodies of 6 MiB: {held / MIB:.1f} MiB held, RSS grew by {grown / MIB:.1f} MiB")
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    settings = {"limits.bodies_mib": 32, "limits.bodies_mib_per_user": 16}
    with Service(tmp_path / "s", settings) as service:
        before = psutil.Process(service.pid).memory_info().rss
        asyncio.run(scene())
        assert service.get("/readyz")[0] == 200
        service.stop()
        service.assert_log_clean()


def test_without_free_files_the_service_rests_says_so_once_and_goes_on(tmp_path: Path, report: Report) -> None:
    async def scene() -> None:
        used = psutil.Process(service.pid).num_fds()
        resource.prlimit(service.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
        raws = [await Raw.open(service) for _ in range(60)]
        try:
            await eventually_async(lambda: "no connection can be accepted" in service.log())
            before = psutil.Process(service.pid).cpu_times()
            await asyncio.sleep(1.5)  # the span over which its CPU time is read; nothing is waited for
            after = psutil.Process(service.pid).cpu_times()
            report(f"busy for {100 * (after.user + after.system - before.user - before.system) / 1.5:.0f} % meanwhile")
        finally:
            for raw in raws:
                await raw.close()
        async with await Client.connect(service, tokens.token("late")) as client:
            await client.settle()
        assert service.log().count("no connection can be accepted") == 1
        assert len(service.log()) < 20_000

    with Service(tmp_path / "s") as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()


def test_pipelined_requests_of_strangers_end_with_their_connection(tmp_path: Path, report: Report) -> None:
    async def scene() -> None:
        burst = request("GET", "/healthz", HOST) * 300
        raws = [await Raw.open(service) for _ in range(40)]
        for raw in raws:
            await raw.send(burst)
        rests = await asyncio.gather(*(raw.ended() for raw in raws))
        answered = sum(rest.count(b"HTTP/1.1 200") for rest in rests)
        refused = sum(rest.count(b"HTTP/1.1 429") for rest in rests)
        report(f"of {40 * 300} requests {answered} were answered, {refused} refused")
        assert answered < 40 * 300 / 2
        assert refused >= 1
        for raw in raws:
            await raw.close()
        other = await Raw.open(service, address="127.0.0.2")
        await other.send(request("GET", "/healthz", HOST))
        assert (await other.response()).status == 200
        await other.close()

    with Service(tmp_path / "s", {"limits.strangers_per_second": 20}) as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()


@pytest.mark.parametrize("behind_proxy", [False, True])
def test_only_what_a_trusted_proxy_wrote_tells_the_address(tmp_path: Path, behind_proxy: bool) -> None:
    """The address is seen by its bound: two connections of one client, the third is refused."""

    async def shake(peer: str, *headers: tuple[str, str]) -> int:
        raw = await Raw.open(service, address=peer)
        await raw.send(upgrade("/v1", *headers))
        raws.append(raw)
        return (await raw.response()).status

    async def scene() -> None:
        forged = [("X-Real-Ip", f"198.51.100.{n}") for n in range(3)]
        real = "127.0.0.9"  # no trusted proxy
        statuses = [await shake(real, header, ("X-Forwarded-For", f"203.0.113.{n}")) for n, header in enumerate(forged)]
        assert statuses == [101, 101, 429]
        if behind_proxy:
            via = [
                await shake(
                    "127.0.0.1", ("X-Forwarded-For", f"203.0.113.{n}, 198.51.100.7"), ("X-Real-Ip", f"192.0.2.{n}")
                )
                for n in range(3)
            ]
            assert via == [101, 101, 429]
            assert await shake("127.0.0.1", ("X-Forwarded-For", "198.51.100.8")) == 101
        for raw in raws:
            await raw.close()

    raws = list[Raw]()
    settings = {
        "server.behind_proxy": behind_proxy,
        "server.trusted_proxies": ["127.0.0.1"],
        "limits.connections_per_address": 2,
    }
    with Service(tmp_path / "s", settings) as service:
        asyncio.run(scene())
        service.stop()
        service.assert_log_clean()
