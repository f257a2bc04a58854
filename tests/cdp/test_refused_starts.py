"""A start that cannot work says so in one line that names the variable, and leaves nothing running."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import sql

pytestmark = pytest.mark.processes
MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


def manage(*words, **variables):
    environment = os.environ | {"CDP_POSTGRES": "", "CDP_BROKER": ""} | variables
    run = subprocess.run(
        [sys.executable, MANAGE, *words], env=environment, text=True, capture_output=True, timeout=120, check=False
    )  # fmt: skip
    assert "Traceback" not in run.stderr, run.stderr
    assert not [line for line in run.stdout.splitlines() if line.startswith("ready ")]
    return run.returncode, run.stderr


@pytest.fixture
def good(tmp_path):
    """Variables of a start that only lacks what the test takes away."""
    return {"CDP_DATA_DIR": str(tmp_path / "data"), "BROKER_URL": os.environ["BROKER_URL"]}


BAD = [
    ("DATABASE_URL", "mysql://x@localhost/x", "only PostgreSQL"),
    ("DATABASE_URL", "nonsense", "use postgres://"),
    ("DATABASE_URL", "postgres://postgres@127.0.0.1:1/x", "the database cannot be reached"),
    ("BROKER_URL", "http://localhost", "use redis://"),
    ("CDP_POSTGRES", "mine", "use one of auto, system, embedded"),
    ("API_RATES", "calls=1", "use words and numbers"),
    ("CDP_DATA_DIR", "/proc/nowhere", "cannot be used"),
]


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=[f"{name}={value}" for name, value, _ in BAD])
def test_a_bad_variable_is_named(good, name, value, words):
    code, said = manage("up", "--no-demo", "--port", "8198", **(good | {name: value}))
    assert code == 1
    line = next(line for line in said.splitlines() if name in line)
    assert words in line


def test_a_data_directory_that_is_a_file(good, tmp_path):
    (tmp_path / "data").write_text("x")
    code, said = manage("up", **good)
    assert (code, "CDP_DATA_DIR" in said) == (1, True)


def test_a_damaged_instance_file(good, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "instance.json").write_text("{")
    for command in ("up", "doctor"):
        code, said = manage(command, **good)
        assert (code, "CDP_DATA_DIR" in said, "instance.json is damaged" in said) == (1, True, True)


@pytest.mark.parametrize("number", ["0", "65536", "٨٠"])
def test_no_number_of_a_port(good, number):
    code, said = manage("up", f"--port={number}", **good)
    assert (code, "from 1 to 65535" in said) == (2, True)


def test_a_configured_database_needs_a_secret_key(good):
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD'] or ''}@{database['HOST']}:{database['PORT'] or 5432}"
    url = f"postgres://{login}/{database['NAME'].removeprefix('test_')}"
    code, said = manage("engines", **(good | {"DATABASE_URL": url}))
    assert (code, "CDP_SECRET_KEY is not set" in said) == (1, True)


@pytest.fixture
def weak():
    """Address of a database whose user may only connect."""
    database = connection.settings_dict
    server = {"host": database["HOST"], "port": database["PORT"] or 5432}
    admin = psycopg.connect(
        dbname="postgres",
        user=database["USER"],
        password=database["PASSWORD"] or None,
        autocommit=True,
        **server,
    )
    name = sql.Identifier(f"weak_{os.getpid()}")
    admin.execute(sql.SQL("create role {} login password 'weak'").format(name))
    admin.execute(sql.SQL("create database {}").format(name))
    yield f"postgres://weak_{os.getpid()}:weak@{server['host']}:{server['port']}/weak_{os.getpid()}"
    admin.execute(sql.SQL("drop database {}").format(name))
    admin.execute(sql.SQL("drop role {}").format(name))
    admin.close()


def test_a_user_of_the_database_without_rights(good, weak):
    code, said = manage("prepare", "--no-demo", **(good | {"DATABASE_URL": weak, "CDP_DEBUG": "1"}))
    assert (code, "DATABASE_URL: the user weak_" in said, "own the database" in said) == (1, True, True)


@pytest.mark.parametrize(
    "words", [("engines", "--json"), ("work", "all", "--until-idle"), ("backup", "/dev/null")]
)
def test_commands_without_a_database(good, words):
    code, said = manage(
        *words, **(good | {"DATABASE_URL": "postgres://postgres@127.0.0.1:1/x", "CDP_DEBUG": "1"})
    )
    assert (code, said.startswith("DATABASE_URL: the database cannot be reached")) == (1, True), said


def test_an_unknown_engine(good):
    code, said = manage("work", "nothing", **(good | {"CDP_DEBUG": "1"}))
    assert (code, "use all, fast, bulk" in said) == (1, True)


def test_a_key_cannot_be_made_without_a_database(good):
    url = {"DATABASE_URL": "postgres://postgres@127.0.0.1:1/x", "CDP_DEBUG": "1"}
    code, said = manage("create_api_key", "--name", "shop", "--right", "full", "--json", **(good | url))
    assert (code, "DATABASE_URL" in said) == (1, True)
