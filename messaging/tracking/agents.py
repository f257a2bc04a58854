"""What a User-Agent header says, as far as counting needs it: programs, proxies of mail providers, kinds of devices."""

import re
from dataclasses import dataclass

BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|curl/|wget/|python-|python/|aiohttp|httpx|go-http|okhttp|java/|libwww|headless|"
    r"phantomjs|axios|node-fetch|undici|scrapy|ruby|perl|postman|facebookexternalhit|preview|monitor|scanner|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|trendmicro|fireeye|forcepoint",
    re.I,
)
PRIVACY_PROXY = "Mozilla/5.0"  # what Apple's mail privacy protection sends, to the letter
GMAIL_PREFETCH = "Edge/12.246 Mozilla/5.0"  # the ending of Gmail's own early fetch of images
PROXIES = (
    ("GoogleImageProxy", "gmail"),
    ("YahooMailProxy", "yahoo"),
    ("Mail.Ru", "mail.ru"),
    ("Outlook-iOS", ""),
)
CLIENTS = (
    ("Thunderbird", "Thunderbird"), ("Outlook", "Outlook"), ("MSOffice", "Outlook"), ("AppleMail", "Apple Mail"),
    ("Airmail", "Airmail"), ("YahooMail", "Yahoo Mail"), ("GoogleImageProxy", "Gmail"),
)  # fmt: skip
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("CriOS", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iOS"), ("iPad", "iOS"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agent:
    """Parsed header. `proxy`: the mail provider that fetched for its user, whose device is then unknown."""

    browser: str = ""
    os: str = ""
    device: str = ""
    client: str = ""
    proxy: str = ""
    is_bot: bool = False
    is_privacy_proxy: bool = False
    is_prefetch: bool = False

    def as_details(self) -> dict[str, str]:
        """The known words, for the activity's details."""
        named = {"browser": self.browser, "os": self.os, "device": self.device, "client": self.client}
        return {name: word for name, word in (named | {"proxy": self.proxy}).items() if word}


def read_agent(header: str) -> Agent:
    """What the header says; an empty one is a bot's."""
    text = header.strip()
    if text == PRIVACY_PROXY:
        return Agent(is_privacy_proxy=True)
    if text.endswith(GMAIL_PREFETCH):
        return Agent(proxy="gmail", is_prefetch=True)
    client = _first(CLIENTS, text)
    for mark, proxy in PROXIES:
        if proxy and mark in text:
            return Agent(client=client, proxy=proxy)
    system = _first(SYSTEMS, text)
    return Agent(
        browser="" if client else _first(BROWSERS, text),
        os=system,
        device=_device(text, system),
        client=client,
        is_bot=not text or BOTS.search(text) is not None,
    )


def _first(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((word for mark, word in table if mark in text), "")


def _device(text: str, system: str) -> str:
    if "iPad" in text or (system == "Android" and "Mobile" not in text):
        return "tablet"
    if system in ("iOS", "Android"):
        return "mobile"
    return "desktop" if system else ""
