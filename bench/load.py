"""A load client in a process of its own: `python -m bench.load PORT PATH KEY CONNECTIONS REQUESTS`.

Keep-alive connections, one request in flight each, raw asyncio protocol; prints `{"seconds": …, "statuses": {…}}`.
"""

import asyncio
import base64
import json
import sys
import time
from collections import Counter


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
    def __init__(self, path: str, key: str, connections: int, requests: int) -> None:
        login = base64.b64encode(f"bench:{key}".encode()).decode()
        self.head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self.left = requests
        self.open = connections
        self.statuses: Counter[str] = Counter()
        self.done = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        if not self.left:
            return None
        self.left -= 1
        body = (
            b'{"eventTypeKey":"Bench","params":[{"name":"externalCustomerId","value":"b%d"},'
            b'{"name":"category","value":"cat3"},{"name":"amount","value":%d}]}'
            % (self.left % 5000, self.left % 200)
        )
        return self.head + str(len(body)).encode() + b"\r\n\r\n" + body

    def closed(self) -> None:
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)


async def run(port: int, path: str, key: str, connections: int, requests: int) -> dict[str, object]:
    load = Load(path, key, connections, requests)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Client(load), "127.0.0.1", port)
    await load.done
    return {"seconds": time.perf_counter() - started, "statuses": dict(load.statuses)}


if __name__ == "__main__":
    port, path, key, connections, requests = sys.argv[1:]
    print(json.dumps(asyncio.run(run(int(port), path, key, int(connections), int(requests)))))
