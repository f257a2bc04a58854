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
        ("65", lambda env: env.integer("NAME", 1, most=64)),
        ("other", lambda env: env.choice("NAME", ("auto", "system"))),
    ],
)
def test_a_bad_value_names_the_variable(value, read):
    with pytest.raises(ImproperlyConfigured, match=f"NAME='{value}': use"):
        read(Environment({"NAME": value}))
