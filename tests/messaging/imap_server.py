"""A real IMAP server (pymap) in a process of its own, and a door of TLS in front of any server."""

import imaplib
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.messaging.sink import free_port

USER, PASSWORD = "bounces", "sesame"
FOLDER = "Returned mail"


class Server:
    """The server, with a client of its own that looks into the mailbox."""

    def __init__(self, port: int) -> None:
        self.port = port

    def client(self) -> imaplib.IMAP4:
        found = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        found.login(USER, PASSWORD)
        return found

    def put(self, *mails: bytes) -> None:
        with self.client() as client:
            for mail in mails:
                assert (
                    client.append(f'"{FOLDER}"', "", imaplib.Time2Internaldate(time.time()), mail)[0] == "OK"
                )

    def flags(self) -> list[set[str]]:
        """Of every mail in the folder."""
        with self.client() as client:
            client.select(f'"{FOLDER}"', readonly=True)
            [found] = client.search(None, "ALL")[1]
            numbers = (found or b"").split()
            answers = [client.fetch(number.decode(), "(FLAGS)")[1][0] for number in numbers]
        return [{flag.decode() for flag in imaplib.ParseFlags(answer)} - {r"\Recent"} for answer in answers]


@contextmanager
def imap_server(pem: Path | None = None) -> Iterator[Server]:
    """Serve IMAP; with a certificate it offers STARTTLS, and takes no login before."""
    port = free_port()
    program = shutil.which("pymap", path=str(Path(sys.executable).parent))
    assert program, "this test needs pymap, from requirements-dev.txt"
    secure = ["--cert", str(pem), "--key", str(pem)] if pem else ["--no-tls"]
    mailbox = ["dict", "--demo-data", "--demo-user", USER, "--demo-password", PASSWORD]
    process = subprocess.Popen([program, "--host", "127.0.0.1", "--port", str(port), *secure, *mailbox])
    try:
        deadline = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, "the IMAP server does not start"
            assert process.poll() is None, "the IMAP server died"
            time.sleep(0.05)
        server = Server(port)
        if pem is None:
            with server.client() as client:
                assert client.create(f'"{FOLDER}"')[0] == "OK"
        yield server
    finally:
        process.kill()
        process.wait()


@contextmanager
def tls_door(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """Serve TLS from the first byte and carry what is inside to `port`; the door's port."""

    class Door(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                with (
                    context.wrap_socket(self.request, server_side=True) as outer,
                    socket.create_connection(("127.0.0.1", port)) as inner,
                ):
                    threading.Thread(target=carry, args=(inner, outer), daemon=True).start()
                    carry(outer, inner)
            except OSError:
                return  # the client did not like the certificate

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
