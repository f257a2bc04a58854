"""`make screenshots`: pictures of every admin page, in both widths and themes, for a person to look at.

    python -m tests.browser.screenshots [--address URL --user NAME --password TEXT] [--only WORD]

Without an address a product with demo data is started for it. Pictures go to ./screenshots; what the pages complain of is printed, and makes the command fail.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import sign_in
from tests.browser.product import PASSWORD, Product
from tests.browser.sitemap import crawl
from tests.browser.watch import THEMES, WIDTHS, Watch, look, settle, show
from tests.conftest import FLAGS

TALLEST = 2_000
TARGET = Path(__file__).resolve().parents[2] / "screenshots"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", help="a product that runs; else one is started")
    parser.add_argument("--user", default="boss")
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--only", default="", help="only pages whose address holds this")
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    product = None
    if not options.address:
        product = Product(Path(tempfile.mkdtemp(prefix="cdp-screenshots-")))
        product.home.chmod(0o755)
        product.start()
        options.address = product.address
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            faults = take_pictures(browser, options)
            browser.close()
    finally:
        if product:
            product.stop()
            shutil.rmtree(product.home, ignore_errors=True)
    print("\n".join(faults))
    return 1 if faults else 0


def take_pictures(browser: Browser, options: argparse.Namespace) -> list[str]:
    context = browser.new_context(base_url=options.address, reduced_motion="reduce")
    page = context.new_page()
    sign_in(page, options.user, options.password)
    watch = Watch(page)
    faults: list[str] = []

    def visit(address: str, is_first: bool) -> None:
        page.goto(address)
        faults.extend(f"{address}: {fault}" for fault in watch.take())
        if options.only not in address or not is_first:
            return
        print(address, flush=True)
        for width in WIDTHS:
            for theme in THEMES:
                show(page, width=width, theme=theme)
                settle(page)
                whole = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": width, "height": min(whole, TALLEST)})
                page.screenshot(path=TARGET / f"{name_of(address)}-{width}-{theme}.png")
                faults.extend(f"{address} at {width} {theme}: {fault}" for fault in look(page))

    crawl(page, visit)
    return faults


def name_of(address: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", address.removeprefix("/admin/").lower()).strip("-")[:80] or "home"


if __name__ == "__main__":
    sys.exit(main())
