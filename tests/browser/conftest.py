"""One product and one browser a session; every test gets a page of its own, and fails when the page complained."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.product import PASSWORD, Product
from tests.browser.watch import Watch


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    home = tmp_path_factory.mktemp("product")
    for directory in (home, *home.parents[:2]):  # a server that runs as another user must get there
        directory.chmod(0o755)
    found = Product(home)
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def rarities(product: Product) -> None:
    """Records that the demo has none of, so that their pages are walked too."""
    product.shell("from tests.browser.rarities import make; make()")


@pytest.fixture
def tell(capfd: pytest.CaptureFixture[str]) -> Callable[[Iterable[str]], None]:
    """Prints lines at once, past pytest's capturing."""

    def now(lines: Iterable[str]) -> None:
        with capfd.disabled():
            for line in lines:
                print(line, flush=True)

    return now


@pytest.fixture(scope="session")
def signed_in(browser: Browser, product: Product) -> Callable[[str], Any]:
    """The cookies of a colleague, signed in once a session."""
    known: dict[str, Any] = {}

    def state_of(name: str) -> Any:
        if name not in known:
            context = browser.new_context(base_url=product.address)
            page = context.new_page()
            sign_in(page, name)
            known[name] = context.storage_state()
            context.close()
        return known[name]

    return state_of


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.goto("/admin/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.click("[type=submit]")


@pytest.fixture
def open_as(browser: Browser, product: Product, signed_in: Any) -> Iterator[Callable[..., Page]]:
    """`open_as("viewer", expected=(403,))` gives a page of that colleague; what it complains of fails the test."""
    watches: list[Watch] = []
    contexts = []

    def open_page(name: str = "boss", *, expected: tuple[int, ...] = ()) -> Page:
        state = signed_in(name) if name else None
        context = browser.new_context(
            base_url=product.address,
            storage_state=state,
            viewport={"width": 1280, "height": 800},
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        watches.append(Watch(page, expected=expected))
        return page

    yield open_page
    faults = [fault for watch in watches for fault in watch.take()]
    for context in contexts:
        context.close()
    assert not faults, "\n".join(faults)


@pytest.fixture
def page(open_as: Callable[..., Page]) -> Page:
    """A page of the administrator."""
    return open_as()
