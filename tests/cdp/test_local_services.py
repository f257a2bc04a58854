"""PostgreSQL and broker from the wheels: made, killed, started again, stopped."""

import os
import signal

import psycopg
import pytest

from cdp.local.broker import Broker
from cdp.local.postgres import Cluster

pytestmark = pytest.mark.processes


def test_postgres_survives_a_kill(home):
    cluster = Cluster(home, choice="embedded")
    cluster.start()
    with psycopg.connect(cluster.url("postgres")) as connection:
        connection.execute("create extension pg_trgm")
        connection.execute("create table kept as select 42 as answer")
        letters = connection.execute(
            "select lower('ЖЇ'), cardinality(show_trgm('Олена')), 'б' < 'Я'"
        ).fetchone()
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
