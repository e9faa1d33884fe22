"""A program that runs workers as `run.py serve --workers` does, each a listener that tells its name and process.

Without `--worker` it is the parent. What happens to each worker is a line in the file of FAKE_WORKER_LOG; a worker that
FAKE_WORKER_REFUSES names refuses its start.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from app.commands.file_errors import refuse_start
from app.commands.workers.parent import run_workers
from app.commands.workers.worker import READY
from app.configuration.config import Config, load


def tell(config: Config, port: int) -> None:
    print(f"{config.node.id} serves ws://localhost:{port}/v1", flush=True)  # noqa: T201  as the service does


async def worker(config: Config) -> int:
    log = Path(os.environ["FAKE_WORKER_LOG"])

    def note(what: str) -> None:
        with log.open("a") as file:
            file.write(f"{config.node.id} {what}\n")

    if config.node.id == os.environ.get("FAKE_WORKER_REFUSES"):
        return refuse_start("this worker was told to refuse")
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        note("asked")
        stopped.set()

    def heard() -> None:
        if not os.read(0, 1):
            stopped.set()

    loop.add_signal_handler(signal.SIGTERM, asked)
    loop.add_reader(0, heard)

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{config.node.id} {os.getpid()} {config.storage.data}\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", config.server.port, reuse_port=config.server.reuse_port)
    print(READY, flush=True)  # noqa: T201  as a worker does
    await stopped.wait()
    server.close()
    await asyncio.sleep(0.2)  # a drain: whoever does not wait for its end is seen in the file
    note("ended")
    return 0


def main() -> int:
    config = load(None, os.environ)
    if "--worker" in sys.argv:
        return asyncio.run(worker(config))
    return asyncio.run(run_workers(config, 2, None, tell))


if __name__ == "__main__":
    sys.exit(main())
