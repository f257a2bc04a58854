"""`manage.py up` on a machine that has nothing: PostgreSQL and broker from the wheels, killed and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cdp.local import processes
from cdp.local.instance import read_instance
from cdp.local.processes import free_port, is_alive, marked

pytestmark = pytest.mark.processes
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
NOTHING_CONFIGURED = {
    "DATABASE_URL": "",
    "BROKER_URL": "",
    "CDP_POSTGRES": "embedded",
    "CDP_BROKER": "embedded",
}
READY_SECONDS = 90


class Product:
    """One instance in `home`, driven from outside."""

    def __init__(self, home, name="one"):
        self.home = home / name
        self.port = free_port()
        self.output = home / f"{name}.out"
        self.address = f"http://127.0.0.1:{self.port}"

    def command(self, *words):
        return [sys.executable, str(MANAGE), *words, "--data-dir", str(self.home)]

    def start(self):
        self.output.write_text("")
        self.process = processes.start(
            self.command("up", "--no-demo", "--port", str(self.port)),
            log=self.output,
            environment=NOTHING_CONFIGURED,
        )
        deadline = time.monotonic() + READY_SECONDS
        while f"ready {self.address}" not in self.lines():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)

    def lines(self):
        return self.output.read_text().splitlines()

    def run(self, *words):
        return subprocess.run(
            self.command(*words),
            env=os.environ | NOTHING_CONFIGURED,
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def name(self, new=None):
        """The organisation's name as the database of this instance has it."""
        change = f"Account.objects.update(organisation_name={new!r}); " if new else ""
        code = f"from cdp.models import Account; {change}print(Account.objects.get().organisation_name)"
        return self.run("shell", "-c", code).stdout.splitlines()[-1]

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=10) as reply:
            return reply.status, reply.read().decode()

    def postmaster(self):
        return int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])

    def pids(self):
        return [self.process.pid, *marked(read_instance(self.home).mark), self.postmaster()]

    def stop(self):
        pids = self.pids()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0
        assert not [pid for pid in pids if is_alive(pid)]
        assert not (self.home / "postgres" / "postmaster.pid").exists()


@pytest.fixture
def product(home):
    product = Product(home)
    yield product
    processes.stop(product.process, seconds=60)


def seconds_of(start):
    began = time.monotonic()
    start()
    return time.monotonic() - began


def test_up_survives_the_death_of_everything(product):
    first = seconds_of(product.start)
    assert product.lines().count(f"ready {product.address}") == 1
    assert any("Password: " in line for line in product.lines())
    assert product.get("/readyz")[0] == 200
    assert "password" in product.get("/admin/login/")[1]
    assert product.name("Kept") == "Kept"
    for pid in product.pids():
        os.kill(pid, signal.SIGKILL)
    product.process.wait()

    assert seconds_of(product.start) < first, "it makes anew what is there"
    assert product.name() == "Kept"
    assert not any("Password: " in line for line in product.lines())

    os.kill(product.postmaster(), signal.SIGKILL)
    wait_for(lambda: any("cluster died" in line for line in product.lines()))
    wait_for(lambda: product.run("doctor").returncode == 0)
    assert product.name() == "Kept"
    product.stop()


def test_a_killed_up_takes_its_children_with_it(product):
    product.start()
    pids = product.pids()
    product.process.kill()
    product.process.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids), seconds=30)
    assert not [pid for pid in pids if is_alive(pid)]


def test_two_instances_run_side_by_side(product, home):
    other = Product(home, "two")
    product.start()
    other.start()
    try:
        assert (product.name("First"), other.name("Second")) == ("First", "Second")
        assert (product.name(), other.name()) == ("First", "Second")
        again = product.run("up", "--no-demo", "--port", str(free_port()))
        assert (again.returncode, "already runs" in again.stderr) == (1, True)
        product.stop()
        assert other.get("/readyz")[0] == 200
    finally:
        other.stop()


def test_backup_and_restore(product, home):
    product.start()
    saved = home / "saved"
    product.name("Saved")
    assert product.run("backup", str(saved)).returncode == 0
    product.name("Lost")
    refused = product.run("restore", str(saved))
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    assert product.name() == "Lost"
    broken = home / "broken"
    broken.write_bytes(saved.read_bytes()[:-2000])
    assert product.run("restore", str(broken), "--overwrite").returncode == 1
    assert product.name() == "Lost"
    assert product.run("restore", str(saved), "--overwrite").returncode == 0
    assert product.name() == "Saved"
    product.stop()


def test_a_taken_port_is_named(product):
    with socket.create_server(("127.0.0.1", product.port)):
        refused = product.run("up", "--no-demo", "--port", str(product.port))
    assert (refused.returncode, f"127.0.0.1:{product.port}" in refused.stderr) == (1, True)
    product.start()
    product.stop()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
