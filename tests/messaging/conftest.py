"""Each test starts with nothing kept in memory about links."""

import pytest

from messaging.tracking import destinations


@pytest.fixture(autouse=True)
def _no_kept_links() -> None:
    destinations.forget()
