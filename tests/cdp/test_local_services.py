"""PostgreSQL and broker from the wheels: made, killed, started again, stopped."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from cdp.local.broker import Broker
from cdp.local.instance import read_instance
from cdp.local.postgres import Cluster
from cdp.local.processes import free_port, marked

pytestmark = pytest.mark.processes
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


@pytest.fixture
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("instance")
    for directory in (path, path.parent, path.parent.parent):
        directory.chmod(0o755)
    return path


def test_postgres_survives_a_kill(home):
    cluster = Cluster(home, choice="embedded")
    cluster.start()
    with psycopg.connect(cluster.url("postgres")) as connection:
        connection.execute("create extension pg_trgm")
        connection.execute("create table kept as select 42 as answer")
        letters = connection.execute("select lower('ЖЇ'), cardinality(show_trgm('Олена')), 'б' < 'Я'").fetchone()
        assert letters == ("жї", 6, False)  # all alphabets are letters; the order is that of code points
    os.kill(int((cluster.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    again = Cluster(home, choice="embedded", password=cluster.password)
    again.start()
    try:
        with psycopg.connect(again.url("postgres")) as connection:
            assert connection.execute("select answer from kept").fetchone() == (42,)
    finally:
        again.stop()
    assert not (again.data / "postmaster.pid").exists()


def test_broker_starts_after_a_kill(home):
    broker = Broker(home, choice="embedded")
    broker.start()
    broker.process.kill()
    broker.process.wait()
    assert not broker.answers()
    broker.start()
    assert broker.answers()
    broker.stop()


def manage(home, *arguments):
    variables = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")
    }
    return {
        "args": [sys.executable, str(MANAGE), *arguments, "--data-dir", str(home)],
        "env": variables | {"CDP_POSTGRES": "embedded", "CDP_BROKER": "embedded"},
        "text": True,
    }


def start_up(home, port):
    process = subprocess.Popen(**manage(home, "up", "--no-demo", "--port", str(port)), stdout=subprocess.PIPE)
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("ready "):
            break
    assert lines[-1:] == [f"ready http://127.0.0.1:{port}"], lines
    return process


def run(home, *arguments):
    return subprocess.run(**manage(home, *arguments), capture_output=True, check=True, timeout=120).stdout


@pytest.mark.skipif(not (MANAGE.parent / "cdp" / "asgi.py").exists(), reason="the ASGI root is not there yet")
def test_up_survives_the_death_of_everything(home):
    port = free_port()
    first = start_up(home, port)
    mark = read_instance(home).mark
    run(
        home,
        "shell",
        "-c",
        "from cdp.models import Account; Account.objects.update(organisation_name='Kept')",
    )
    run(home, "backup", str(home / "saved"))
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
    for pid in [first.pid, *marked(mark), postmaster]:
        os.kill(pid, signal.SIGKILL)
    first.wait()
    second = start_up(home, port)
    ask = ("shell", "-c", "from cdp.models import Account; print(Account.objects.get().organisation_name)")
    assert run(home, *ask).splitlines()[-1] == "Kept"
    run(
        home,
        "shell",
        "-c",
        "from cdp.models import Account; Account.objects.update(organisation_name='Lost')",
    )
    run(home, "restore", str(home / "saved"), "--overwrite")
    assert run(home, *ask).splitlines()[-1] == "Kept"
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    assert not list(marked(mark))
    assert not (home / "postgres" / "postmaster.pid").exists()
