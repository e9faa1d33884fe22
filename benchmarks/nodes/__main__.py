"""Two nodes over Redis against one, and against the embedded store: interleaved rounds of one run, and their ratios.

    .venv/bin/python -m benchmarks.nodes [--rounds 5] [--seconds 3] [--readers 50]

A redis-server of its own keeps every change on the disk before it answers (appendfsync always), as the embedded store
does. Publishers and readers are bare sockets in this process, half of them at each node.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.nodes.costs import print_memory, print_scripts
from benchmarks.nodes.crowd import Crowd
from benchmarks.nodes.deployments import Deployment, node, redis_server
from benchmarks.service import service

_PACE = 50.0  # events a second of each publisher, where latency is measured


def main() -> None:
    """Print the rows of the deployments, their ratios, and what Redis spends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each part of a round")
    parser.add_argument("--readers", type=int, default=50)
    parser.add_argument("--things", type=int, default=500, help="of which the memory in Redis is measured")
    asked = parser.parse_args()
    print(f"load at the start: {os.getloadavg()[0]:.1f}")
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        deployments = [
            Deployment("embedded", [stack.enter_context(service())], None),
            Deployment("one node", [stack.enter_context(node(redis, "one", 1))], redis),
            Deployment("two nodes", [stack.enter_context(node(redis, "two", number)) for number in (1, 2)], redis),
        ]
        asyncio.run(_rounds(deployments, asked.rounds, asked.seconds, asked.readers))
        _print_rows(deployments)
        asyncio.run(print_scripts(redis, deployments[2], asked.seconds, _PACE, asked.readers))
        asyncio.run(print_memory(redis, deployments[1], asked.things))
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


async def _rounds(deployments: Sequence[Deployment], rounds: int, seconds: float, readers: int) -> None:
    crowds = [await Crowd.join(one, readers) for one in deployments]
    for number in range(rounds + 1):
        for one, crowd in zip(deployments, crowds, strict=True):
            events, took = await crowd.publish(seconds)
            fast = events / took
            spent, by_redis = one.spent, one.spent_by_redis
            events, _ = await crowd.publish(seconds, _PACE)
            if number == 0:
                continue  # the first warms up
            one.rate.append(fast)
            one.late.append(statistics.median(crowd.delays))
            one.latest.append(sorted(crowd.delays)[int(0.99 * (len(crowd.delays) - 1))])
            one.cpu.append((one.spent - spent) / crowd.deliveries)
            one.redis_cpu.append((one.spent_by_redis - by_redis) / events)
    for crowd in crowds:
        for socket_ in (*crowd.readers, *crowd.publishers):
            socket_.close()


def _print_rows(deployments: Sequence[Deployment]) -> None:
    print(f"{'':10} {'events/s':>9} {'delivery p50':>13} {'p99 ms':>8} {'node µs/delivery':>17} {'Redis µs/event':>15}")
    for one in deployments:
        middle = [statistics.median(values) for values in (one.rate, one.late, one.latest, one.cpu, one.redis_cpu)]
        rate, late, latest, cpu, by_redis = middle
        print(
            f"{one.name:10} {rate:9.0f} {1e3 * late:13.2f} {1e3 * latest:8.2f} {1e6 * cpu:17.1f} {1e6 * by_redis:15.0f}"
        )
    embedded, alone, pair = deployments
    for name, one, other in (("one node ÷ embedded", alone, embedded), ("two nodes ÷ one node", pair, alone)):
        ratios = [
            statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
            for mine, theirs in ((one.rate, other.rate), (one.late, other.late), (one.cpu, other.cpu))
        ]
        print(f"{name}: events/s × {ratios[0]:.2f}, delivery p50 × {ratios[1]:.2f}, CPU a delivery × {ratios[2]:.2f}")


if __name__ == "__main__":
    main()
