"""Editing together, beside ShareDB and Hocuspocus: interleaved rounds, one client program for all. See README.md."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from benchmarks.service import service

HERE = Path(__file__).parent
PEERS = ("sharedb", "hocuspocus")
WRITERS = (2, 20, 100)
PACE = 6.0  # letters a second of each, at people's pace; the client spreads them between half and one and a half of it
_MIB = 1024 * 1024


class Moment(msgspec.Struct):
    """One answer: how long it took, and its bytes."""

    ms: float
    bytes: int
    status: int = 200


class Outcome(msgspec.Struct):
    """A round as the client counted it: latencies in ms, bytes of all sockets in both directions."""

    operations: int
    letters: int
    a_second: float
    p50: float
    p99: float
    bytes: int
    client_share: float
    late: Moment
    old: Moment | None


@dataclass(frozen=True, slots=True)
class Peer:
    """A service under test. `kept`: the folder of what it writes; None where it writes nothing."""

    kind: str
    port: int
    token: str
    process: psutil.Process
    kept: Path | None

    @property
    def cpu(self) -> float:
        """Return the seconds of processor time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def rss(self) -> float:
        """Return the resident memory in MiB."""
        return float(self.process.memory_info().rss) / _MIB

    @property
    def disk(self) -> int:
        """Return the bytes of its files."""
        files = [] if self.kept is None else [file for file in self.kept.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files)


@dataclass(frozen=True, slots=True)
class RoundCost:
    """A round: what the client counted, and what it cost the service, in µs of CPU a letter."""

    outcome: Outcome
    cpu: float

    @property
    def wire(self) -> float:
        """Return the bytes on the wire a letter, to and from all."""
        return self.outcome.bytes / self.outcome.letters


@contextmanager
def peer(kind: str) -> Iterator[Peer]:
    """Start one of the others, and end it."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["node", f"{kind}_server.mjs", folder]
        process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)  # noqa: S603  our own program
        try:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            kept = Path(folder) if kind == "hocuspocus" else None
            yield Peer(kind, int(process.stdout.readline()), "none", psutil.Process(process.pid), kept)
        finally:
            process.terminate()
            process.wait(30)


def measured(one: Peer, document: str, writers: int, seconds: float, pace: float) -> RoundCost:
    """Let people write for some seconds."""
    asked = {
        "kind": one.kind,
        "port": one.port,
        "token": one.token,
        "document": document,
        "writers": writers,
        "seconds": seconds,
        "pace": pace,
    }
    command = ["node", "client.mjs", msgspec.json.encode(asked).decode()]
    with subprocess.Popen(  # noqa: S603  our own program
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin is not None  # noqa: S101  both are pipes
        assert client.stdout is not None  # noqa: S101
        if client.stdout.readline() != "ready\n":
            raise SystemExit("the client of the benchmark did not start; its message stands above")
        before = one.cpu
        client.stdin.write("go\n")
        client.stdin.flush()
        said = client.stdout.readline()
        spent = one.cpu - before  # with the late joiner and the old version, one of each
    if not said:
        raise SystemExit("the client of the benchmark failed; its message stands above")
    outcome = msgspec.json.decode(said, type=Outcome)
    return RoundCost(outcome, 1e6 * spent / outcome.letters)


def rounds(peers: list[Peer], count: int, seconds: float, pace: float) -> Iterator[str]:
    """Measure all of them in turn, and yield a row for each number of writers and each service."""
    for writers in WRITERS:
        found: dict[str, list[RoundCost]] = defaultdict(list)
        for number in range(count):
            for one in peers[number % len(peers) :] + peers[: number % len(peers)]:
                document = f"{'pace' if pace else 'full'}-{writers}-{number}"
                found[one.kind].append(measured(one, document, writers, seconds, pace))
        ours = _median(found["dossier"], "cpu")
        for kind, many in found.items():
            old = [one.outcome.old.ms for one in many if one.outcome.old is not None and one.outcome.old.status == 200]
            late = statistics.median(one.outcome.late.ms for one in many)
            yield (
                f"{writers:>7} {kind:<11} {statistics.median(one.outcome.a_second for one in many):>12,.0f}"
                f" {statistics.median(one.outcome.p50 for one in many):>8.1f}"
                f" {statistics.median(one.outcome.p99 for one in many):>8.1f}"
                f" {_median(many, 'cpu'):>9,.0f} {ours / _median(many, 'cpu'):>6.2f} {_median(many, 'wire'):>9,.0f}"
                f" {late:>8.1f} {f'{statistics.median(old):.1f}' if old else '-':>8}"
                f" {100 * statistics.median(one.outcome.client_share for one in many):>9.0f}"
            )


def _median(many: list[RoundCost], name: str) -> float:
    return statistics.median(float(getattr(one, name)) for one in many)


def keystrokes(peers: list[Peer], seconds: float) -> Iterator[str]:
    """Let two people write at their pace, and yield what each service keeps of it on the disk, and its memory."""
    for one in peers:
        before = one.disk
        outcome = measured(one, "kept", 2, seconds, PACE).outcome
        # The others write with a delay of their own; what comes later than this is not counted.
        subprocess.run(["sleep", "4"], check=True)  # noqa: S607  a pause of the benchmark
        kept = f"{(one.disk - before) / outcome.letters:,.0f}" if one.kept is not None else "nothing"
        yield f"{one.kind:<11} {kept:>21} {one.rss:>11,.0f}"


def main() -> None:
    """Run all rounds and print their tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=5.0)
    arguments = asked.parse_args()
    if not (HERE / "node_modules").is_dir():
        raise SystemExit("The others are not installed: run `make benchmark-peers` first")
    with ExitStack() as running:
        ours = running.enter_context(service())
        peers = [Peer("dossier", ours.port, ours.token, ours.process, ours.data)]
        peers += [running.enter_context(peer(kind)) for kind in PEERS]
        print("letters: CPU of the service and bytes on the wire are a letter; ratio: our CPU to theirs")
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {arguments.rounds} rounds of each, in turn")
        head = (
            "writers service        letters/s   p50 ms   p99 ms    CPU µs  ratio     bytes  late ms   old ms  client %"
        )
        for pace, title in ((PACE, f"at people's pace, {PACE:g} letters a second each"), (0.0, "one insert under way")):
            print(f"\n{title}\n{head}")
            for row in rounds(peers, arguments.rounds, arguments.seconds, pace):
                print(row, flush=True)
        print("\nservice     bytes a letter on disk     RSS, MiB")
        for row in keystrokes(peers, 2 * arguments.seconds):
            print(row)


if __name__ == "__main__":
    main()
