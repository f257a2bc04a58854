"""Gives a test session its services: those configured by DATABASE_URL and BROKER_URL, else our own in a temporary directory.

The first process of the session starts them and tells the others by the environment.
"""

import importlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dj_database_url
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client, TransactionTestCase, override_settings
from django.utils import translation

from cdp.local.broker import Broker
from cdp.local.postgres import Cluster

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
STARTED = pytest.StashKey[list]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STARTED] = []
    if not hasattr(config, "workerinput"):
        start_services(config)
    database = dj_database_url.parse(os.environ["DATABASE_URL"])
    settings.DATABASES["default"].update(database)
    settings.BROKER_URL = settings.CELERY_BROKER_URL = os.environ["BROKER_URL"]
    settings.SECRET_KEY = "only-for-tests-" + "x" * 40
    settings.HAS_SECRET_KEY = True
    # Colleagues of a thousand tests sign in; how slow a stolen password is to guess is Django's to test.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[method-assign]
    settings.STATIC_ROOT.mkdir(
        parents=True, exist_ok=True
    )  # WhiteNoise warns each time a client is made without it
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


LEAVES = """
SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> ALL (%s)
"""
MADE_BY_MIGRATE = ["django_migrations", "django_content_type", "auth_permission"]


def empty_tables(_case: object = None) -> None:
    """Truncate the tables that hold something, partitions singly.

    Django's `flush` truncates all, hundreds with the partitions, and makes the permissions anew: seconds after each test with
    real transactions.
    """
    with connection.cursor() as cursor:
        cursor.execute(LEAVES, [MADE_BY_MIGRATE])
        asked = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for (name,) in cursor.fetchall()]
        cursor.execute(" UNION ALL ".join(asked))
        if filled := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole instances first: pytest-django puts what asks for no database last, and the longest test would end the run alone."""
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("processes") or bool(item.get_closest_marker("django_db"))
        )
    )


def start_services(config: pytest.Config) -> None:
    started = config.stash[STARTED]
    home = Path(tempfile.mkdtemp(prefix="cdp-tests-"))
    home.chmod(0o755)
    started.append(home)
    if not os.environ.get("DATABASE_URL"):
        cluster = Cluster(home, choice=os.environ.get("CDP_POSTGRES") or "auto", durable=False)
        started.append(cluster)
        cluster.start()
        os.environ["DATABASE_URL"] = cluster.url("cdp")
    if not os.environ.get("BROKER_URL"):
        broker = Broker(home, choice=os.environ.get("CDP_BROKER") or "auto")
        started.append(broker)
        broker.start()
        os.environ["BROKER_URL"] = broker.url


def pytest_unconfigure(config: pytest.Config) -> None:
    for service in reversed(config.stash.get(STARTED, [])):
        if isinstance(service, Path):
            shutil.rmtree(service, ignore_errors=True)
        else:
            service.stop()


SEEDS = (
    ("cdp", "0002_seed_account"),
    ("contacts", "0002_seed_fields"),
    ("events", "0003_seed_registry"),
    ("workflows", "0003_seed_lane"),
)


@pytest.fixture(autouse=True)
def _seeds(request: pytest.FixtureRequest) -> None:
    """A test with real transactions starts with the rows that migrations made; the one before it has flushed them."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        return
    request.getfixturevalue("transactional_db")
    if apps.get_model("events", "RegistryVersion").objects.exists():
        return
    for app, migration in SEEDS:
        importlib.import_module(f"{app}.migrations.{migration}").seed(apps, None)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The catalogues of translations, compiled for these tests."""
    from tests.cdp.catalogues import (
        compile_catalogues,  # reads the settings, which the session has to make first
    )

    home = tmp_path_factory.mktemp("locale")
    compile_catalogues(home)
    with override_settings(LOCALE_PATHS=[home]):
        yield


@pytest.fixture
def ukrainian(compiled: None, admin_user: object) -> Iterator[Client]:
    """An administrator who reads Ukrainian."""
    client = Client()
    client.force_login(admin_user)  # type: ignore[arg-type]
    client.cookies["django_language"] = "uk"
    yield client
    translation.deactivate()  # a request leaves its language with the thread


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One Chromium a process: Playwright cannot be started twice in one."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()
