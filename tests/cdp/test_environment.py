"""A bad variable stops the start and is named."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from cdp.env import Environment


def test_it_works():
    env = Environment({"A": "yes", "B": "7", "C": "x, y"})
    assert (env.flag("A", default=False), env.integer("B", 1), env.words("C")) == (True, 7, ["x", "y"])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("maybe", lambda env: env.flag("NAME", default=True)),
        ("many", lambda env: env.integer("NAME", 1)),
        ("--5", lambda env: env.integer("NAME", 1)),
        ("²", lambda env: env.integer("NAME", 1)),
        ("65", lambda env: env.integer("NAME", 1, most=64)),
        ("other", lambda env: env.choice("NAME", ("auto", "system"))),
    ],
)
def test_a_bad_value_names_the_variable(value, read):
    with pytest.raises(ImproperlyConfigured, match=f"NAME='{value}': use"):
        read(Environment({"NAME": value}))


def test_words_with_numbers():
    defaults = {"events": 350, "other": 100}
    assert Environment({"R": "events=500"}).numbers("R", defaults) == {"events": 500, "other": 100}
    assert Environment({}).numbers("R", defaults) == defaults


@pytest.mark.parametrize(
    "value", ["events", "events=", "events=0", "events=-1", "calls=5", "events=1.5", "events=²"]
)
def test_a_bad_number_names_the_variable_and_the_entry(value):
    with pytest.raises(
        ImproperlyConfigured, match=f"R: '{value}' is wrong; use words and numbers such as events=350"
    ):
        Environment({"R": value}).numbers("R", {"events": 350})
