"""Whose request it is: keys are known at once, wrong ones cost little, passwords are checked one at a time."""

import base64
import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from cdp.api.errors import Refused
from partners import credentials
from partners.credentials import authenticate, cache, check_login, find_principal, gate, remembered_principal
from partners.models import ApiKey
from partners.services import create_api_key, disable_idle_keys, switch_api_key
from tests.contacts.people import NOW

pytestmark = pytest.mark.django_db
LATER = float("inf")  # a request that came after everything that was read


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    cache.clear()
    found: list[float] = []
    monkeypatch.setattr(gate, "sleep", found.append)
    return found


@pytest.fixture
def olha():
    return get_user_model().objects.create_user("olha", password="Long-enough-1", is_staff=True)


def test_it_works():
    key, secret = create_api_key(name="shop", rights=["events"], now=NOW)
    found = authenticate(header("any", secret), now=NOW)
    assert (found.id, found.name, found.rights) == (key.pk, "shop", frozenset({"events"}))


def test_a_key_made_a_moment_ago_is_known(django_assert_num_queries):
    assert find_principal(header("", "WRONG"), now=NOW, arrived=time.monotonic()) is None
    _, secret = create_api_key(name="shop", rights=["events"], now=NOW)
    assert find_principal(header("", secret), now=NOW, arrived=time.monotonic()) is not None


def test_who_waited_while_the_keys_were_read_asks_no_database(django_assert_num_queries):
    arrived = time.monotonic()
    with django_assert_num_queries(1):
        for number in range(50):
            assert find_principal(header("", f"WRONG{number}"), now=NOW, arrived=arrived) is None


def test_a_key_that_is_switched_off_is_forgotten():
    key, secret = create_api_key(name="shop", rights=["events"], now=NOW)
    assert authenticate(header("", secret), now=NOW)
    assert remembered_principal(header("", secret))
    switch_api_key(key.pk, is_enabled=False)
    cache._began -= credentials.CACHE_SECONDS + 0.1
    assert remembered_principal(header("", secret)) is None
    assert authenticate(header("", secret), now=NOW) is None


def test_use_is_noted_once_a_minute():
    key, secret = create_api_key(name="shop", rights=["events"], now=NOW)
    for seconds in (0, 30, 61):
        find_principal(header("", secret), now=NOW + timedelta(seconds=seconds), arrived=LATER)
        key.refresh_from_db()
        assert key.last_used_at == NOW + timedelta(seconds=seconds if seconds != 30 else 0)


def test_a_right_login_is_computed_once(olha, monkeypatch):
    assert authenticate(header("olha", "Long-enough-1"), now=NOW).rights == {"full"}
    monkeypatch.setattr(credentials, "authenticate_user", lambda **_: pytest.fail("computed again"))
    assert find_principal(header("olha", "Long-enough-1"), now=NOW, arrived=LATER).name == "olha"
    olha.set_password("Another-long-1")
    olha.save()
    assert find_principal(header("olha", "Long-enough-1"), now=NOW, arrived=LATER) is None


@pytest.mark.parametrize(("user", "password"), [("olha", "wrong"), ("nobody", "Long-enough-1")])
def test_a_wrong_login_is_followed_by_a_pause(olha, pauses, user, password):
    assert authenticate(header(user, password), now=NOW) is None
    assert pauses == [credentials.PAUSE_AFTER_WRONG]


@pytest.mark.parametrize("values", [{"is_active": False}, {"is_staff": False}])
def test_a_user_who_is_no_colleague(olha, values):
    get_user_model().objects.update(**values)
    assert authenticate(header("olha", "Long-enough-1"), now=NOW) is None


def test_a_crowd_at_the_gate_is_sent_away(monkeypatch):
    go = threading.Event()
    inside = threading.Semaphore(0)

    def slow(**_):
        inside.release()
        go.wait(30)

    monkeypatch.setattr(credentials, "authenticate_user", slow)
    waiting = [
        threading.Thread(target=check_login, args=[header("a", str(number))])
        for number in range(credentials.MOST_AT_GATE)
    ]
    for thread in waiting:
        thread.start()
    inside.acquire()
    while gate._count.acquire(blocking=False):  # until every thread stands at the gate
        gate._count.release()
        time.sleep(0)
    with pytest.raises(Refused) as refused:
        check_login(header("a", "one more"))
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    go.set()
    for thread in waiting:
        thread.join()


def test_keys_nobody_used_for_90_days_are_switched_off():
    def made(days, used=None):
        key, _ = create_api_key(name="some", rights=["full"], now=NOW - timedelta(days=days))
        if used is not None:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=NOW - timedelta(days=used))
        return key

    idle = [made(91), made(400, used=91)]
    busy = [made(89), made(400, used=89)]
    assert disable_idle_keys(now=NOW) == 2
    assert set(ApiKey.objects.filter(is_enabled=True)) == set(busy)
    assert set(ApiKey.objects.filter(is_enabled=False)) == set(idle)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"name": " "}, "name"), ({"name": "n" * 101}, "name"), ({"name": "a\0b"}, "name"), ({"rights": []}, "rights"),
        ({"rights": ["all"]}, "rights"),
    ],
)  # fmt: skip
def test_a_key_that_cannot_be_made(values, word):
    with pytest.raises(ValidationError) as refused:
        create_api_key(**({"name": "shop", "rights": ["full"], "now": NOW} | values))
    assert list(refused.value.message_dict) == [word]
    assert not ApiKey.objects.exists()


def test_the_command_says_what_is_wrong():
    with pytest.raises(CommandError, match="1 to 100 characters"):
        call_command("create_api_key", "--name", "n" * 101, "--right", "full")
