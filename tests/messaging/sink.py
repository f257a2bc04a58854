"""A real SMTP server in a process of its own: `python -m tests.messaging.sink --port P --log FILE`.

It appends one JSON line for each message it accepted: recipient, envelope sender, size, and the headers and bodies with
`--bodies`. Refusals are chosen by the recipient: `refused+…` 550, `later+…` 451, `rest+…` 421.
"""

import argparse
import asyncio
import email
import email.policy
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

ROOT = Path(__file__).resolve().parent.parent.parent


class Handler:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.log = open(options.log, "a", buffering=1)  # noqa: SIM115 - as long as the process

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.options.pipelining else responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        for prefix, answer in (
            ("refused+", "550 5.1.1 no such user"),
            ("later+", "451 4.3.0 try later"),
            ("rest+", "421 4.7.0 slow down"),
        ):
            if address.startswith(prefix):
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.options.delay:
            await asyncio.sleep(self.options.delay)
        line = {"to": envelope.rcpt_tos[0], "from": envelope.mail_from, "size": len(envelope.content)}
        if self.options.bodies:
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            line["headers"] = [[name, str(value)] for name, value in message.items()]
            line["parts"] = {
                p.get_content_type(): p.get_content() for p in message.walk() if not p.is_multipart()
            }
        self.log.write(json.dumps(line) + "\n")
        return f"250 2.0.0 Ok: queued as Q{time.monotonic_ns()}"


async def serve(options: argparse.Namespace) -> None:
    handler = Handler(options)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", options.port
    )
    print("ready", flush=True)
    await server.serve_forever()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """The process, as tests see it; may be stopped and started again on the same port and log."""

    def __init__(self, log: Path, *flags: str) -> None:
        self.log = log
        self.flags = flags
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.messaging.sink",
            "--port",
            str(self.port),
            "--log",
            str(self.log),
            *self.flags,
        ]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def received(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def counts(self) -> Counter[str]:
        return Counter(line["to"] for line in self.received())


@contextmanager
def running_sink(folder: Path, *flags: str):
    sink = Sink(folder / "received.jsonl", *flags)
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--bodies", action="store_true")
    parser.add_argument("--pipelining", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args()))
