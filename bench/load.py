"""A load client in a process of its own: `python -m bench.load PORT PATH KEY CONNECTIONS REQUESTS [BATCH]`.

Keep-alive connections, one request in flight each, raw asyncio protocol. With BATCH a request carries so many events, each
with an `eventId` of its own, of 20 000 people; without, one event of 5 000 people and no `eventId`. Prints
`{"seconds": …, "started": …, "statuses": {…}}`; `started` is `time.monotonic()`, which all processes share.
"""

import asyncio
import base64
import json
import sys
import time
import uuid
from collections import Counter

PEOPLE = 20_000


class Client(asyncio.Protocol):
    """One connection that sends the next request as soon as the last is answered."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        request = self.load.next_request()
        if request is None:
            self.transport.close()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, mark, rest = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if len(rest) < length:
            return
        self.buffer = b""
        self.load.statuses[head[9:12].decode()] += 1
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.load.closed()


class Load:
    def __init__(self, path: str, key: str, connections: int, requests: int, batch: int = 0) -> None:
        login = base64.b64encode(f"bench:{key}".encode()).decode()
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.left = requests
        self.batch = batch
        self.run = uuid.uuid4().hex.encode()  # no two runs send the same `eventId`
        self.open = connections
        self.statuses: Counter[str] = Counter()
        self.done = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        if not self.left:
            return None
        self.left -= 1
        body = self.batch_body() if self.batch else self.event_body()
        return self.head + str(len(body)).encode() + b"\r\n\r\n" + body

    def event_body(self) -> bytes:
        return (
            b'{"eventTypeKey":"Bench","params":[{"name":"externalCustomerId","value":"b%d"},'
            b'{"name":"category","value":"cat3"},{"name":"amount","value":%d}]}'
            % (self.left % 5000, self.left % 200)
        )

    def batch_body(self) -> bytes:
        first = self.left * self.batch
        events = (
            b'{"eventTypeKey":"Bench","eventId":"%b-%d","params":[{"name":"externalCustomerId","value":"b%d"},'
            b'{"name":"category","value":"cat%d"},{"name":"amount","value":%d}]}'
            % (self.run, number, number * 7919 % PEOPLE, number % 40, number % 200)
            for number in range(first, first + self.batch)
        )
        return b'{"events":[' + b",".join(events) + b"]}"

    def closed(self) -> None:
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)


async def run(
    port: int, path: str, key: str, connections: int, requests: int, batch: int
) -> dict[str, object]:
    load = Load(path, key, connections, requests, batch)
    loop = asyncio.get_running_loop()
    started = time.monotonic()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(load), "127.0.0.1", port)
    await load.done
    return {
        "seconds": time.monotonic() - started, "started": started, "statuses": dict(load.statuses),
    }  # fmt: skip


if __name__ == "__main__":
    port, path, key, connections, requests = sys.argv[1:6]
    batch = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    print(json.dumps(asyncio.run(run(int(port), path, key, int(connections), int(requests), batch))))
