"""Amounts as the reader's language writes them, with the decimals of their currency."""

import pytest
from django.utils.translation import override

from cdp.ui.formatting import money


@pytest.mark.parametrize(
    ("language", "value", "currency", "found"),
    [
        ("en", 63.0, "USD", "$63.00"), ("en", "1240.5", "EUR", "€1,240.50"), ("en", 1240, "JPY", "¥1,240"),
        ("uk", 1240.5, "UAH", "1\xa0240,50\xa0₴"), ("uk", 63.0, "usd", "63,00\xa0USD"), ("en", 5, "", "5"),
        ("en", 5.5, "bonus points", "5.5 bonus points"), ("xx", 5, "USD", "$5.00"), ("en", -3, "USD", "-$3.00"), ("en", 12.5, "UAH", "UAH\xa012.50"),
        ("en", "many", "USD", "many"), ("en", float("nan"), "USD", "nan"), ("en", "1e999999", "USD", "1e999999"),
    ],
)  # fmt: skip
def test_money(language, value, currency, found):
    with override(language):
        assert money(value, currency) == found
