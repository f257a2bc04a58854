"""Logs carry no personal data."""

import pytest

from cdp.logging import mask, mask_event


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("bounced: ann.lee+x@shop.example now", "bounced: <e-mail> now"),
        ("to +380 50 123 45 67 failed", "to <phone> failed"),
        ("to 380501234567", "to <phone>"),
        ("2026-03-10T12:00:00 id 42", "2026-03-10T12:00:00 id 42"),
        ("DETAIL:  Failing row contains (Ann, Lee)\nx", "DETAIL: <hidden>\nx"),
        ("LINE 1: insert into c values ('Ann')", "LINE 1: <hidden>"),
    ],
)
def test_mask(text, masked):
    assert mask(text) == masked


def test_personal_keys_are_hidden():
    assert mask_event(None, "", {"event": "x", "email": "a@x.io", "n": 3}) == {
        "event": "x",
        "email": "<hidden>",
        "n": 3,
    }
