"""Services that lose a deadlock are done again; every other fault, and a caller's transaction, is left alone."""

import threading

import pytest
from django.db import OperationalError, connection, transaction

from cdp.deadlock import Crowded, retry_deadlock
from cdp.models import EngineState

pytestmark = pytest.mark.django_db(transaction=True)


def add_to(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cdp_enginestate SET handled = handled + 1 WHERE name = %s", [name])


def test_two_services_that_lock_crosswise_both_succeed():
    EngineState.objects.create(name="a")
    EngineState.objects.create(name="b")
    both_hold = threading.Barrier(2)
    tries = {"ab": 0, "ba": 0}
    faults: list[Exception] = []

    @retry_deadlock
    def cross(first: str, second: str) -> None:
        with transaction.atomic():
            tries[first + second] += 1
            add_to(first)
            if tries[first + second] == 1:
                both_hold.wait(10)
            add_to(second)

    def run(first: str, second: str) -> None:
        try:
            cross(first, second)
        except Exception as error:  # noqa: BLE001 - told by the main thread
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not faults
    assert sorted(tries.values()) == [1, 2], "one was chosen to end the deadlock, and tried again"
    assert set(EngineState.objects.filter(name__in="ab").values_list("handled", flat=True)) == {2}


def test_other_faults_are_not_tried_again():
    calls = []

    @retry_deadlock
    def fail() -> None:
        calls.append(1)
        raise OperationalError("away")

    with pytest.raises(OperationalError):
        fail()
    assert len(calls) == 1


def test_a_service_that_a_crowd_kept_from_its_rows_is_done_again():
    calls = []

    @retry_deadlock
    def lock() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise Crowded("2 contacts changed while they were being locked")
        return "held"

    assert lock() == "held"
    assert len(calls) == 3
