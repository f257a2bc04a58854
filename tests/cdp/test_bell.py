"""Who is rung when: an engine's first ring goes at once, those that follow soon go as one, and no engine waits for another."""

import threading

import pytest

from cdp import bell
from cdp.bell import _Ringer


@pytest.fixture
def ringer(monkeypatch):
    """A ringer whose thread does nothing: the test takes the rings."""
    monkeypatch.setattr(bell, "CALM_SECONDS", 0.2)
    found = _Ringer()
    found._thread = threading.current_thread()
    return found


def test_an_engine_rests_and_another_is_rung_meanwhile(ringer):
    ringer.ring("events")
    assert ringer._take() == ["events"]
    for _ in range(3):
        ringer.ring("events")
    ringer.ring("segments")
    assert ringer._take() == ["segments"]
    assert ringer._take() == ["events"]
    assert ringer._wanted.empty()
    assert not ringer._due, "three rings within the rest went as one"


def test_what_is_asked_for_while_it_is_rung_is_rung_again(ringer):
    ringer.ring("events")
    ringer._take()
    ringer.ring("events")
    assert ringer._take() == ["events"]
