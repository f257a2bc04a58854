"""The least SMTP server there can be, in a process of its own: accepts everything, keeps a count, offers pipelining."""

import asyncio
import sys


class Session(asyncio.Protocol):
    accepted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.in_data = False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while True:
            if self.in_data:
                letter, end, rest = self.buffer.partition(b"\r\n.\r\n")
                if not end:
                    break
                self.buffer, self.in_data = rest, False
                self.take(letter)
                replies.append(b"250 Ok: queued as %d\r\n" % Session.accepted)
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                break
            self.buffer = rest
            replies.append(self.answer(line[:4].upper()))
        if replies:
            self.transport.write(b"".join(replies))

    def take(self, letter: bytes) -> None:  # noqa: ARG002
        Session.accepted += 1

    def answer(self, word: bytes) -> bytes:
        if word == b"EHLO":
            return b"250-sink\r\n250 PIPELINING\r\n"
        if word == b"DATA":
            self.in_data = True
            return b"354 go on\r\n"
        if word == b"COUN":
            return b"250 %d\r\n" % Session.accepted
        if word == b"QUIT":
            return b"221 bye\r\n"
        return b"250 OK\r\n"


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if "uvloop" in sys.modules:
        raise SystemExit("the sink is plain")
    asyncio.run(main())
