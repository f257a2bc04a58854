"""Which hits a human made: proxies, scanners and prefetches are told apart, and behaviour outweighs a clean agent."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging.models import HitSignal
from messaging.tracking.classification import HitFacts, Rules, Sent, classify
from messaging.tracking.networks import Networks, load_networks

T0 = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
GMAIL_EARLY = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 "
    "Safari/537.36 Edge/12.246 Mozilla/5.0"
)
NETWORKS = Networks(
    (("privacy_proxy", "17.0.0.0/8"), ("scanner", "203.0.113.0/24"), ("scanner", "2001:db8::/32"))
)
SENT = Sent(handed_at=T0, link_count=5)


def hit(seconds: float, kind: str = "c", link: int | None = 1, agent: str = CHROME, **rest) -> HitFacts:
    return HitFacts(T0 + timedelta(seconds=seconds), kind, link if kind == "c" else None, agent, **rest)


def words(*hits: HitFacts, sent: Sent = SENT) -> list[str]:
    return [str(verdict.machine) for verdict in classify(hits, sent, Rules(), NETWORKS)]


def test_it_works() -> None:
    assert words(hit(60, "o"), hit(90)) == ["", ""]


@pytest.mark.parametrize(
    ("found", "machine", "reason"),
    [
        (hit(5, "o", agent="Mozilla/5.0"), "privacy_proxy", "agent"),
        (hit(5, "o", address="17.58.1.2"), "privacy_proxy", "network"),
        (hit(5, "o", agent=GMAIL), "", ""),
        (hit(5, "o", agent=YAHOO), "", ""),
        (hit(5, "o", agent=GMAIL_EARLY), "prefetch", "prefetch"),
        (hit(90, agent=IPHONE), "", ""),
        (hit(90, address="17.58.1.2"), "", ""),  # a click from Apple's network is deliberate
        (hit(90, signals=HitSignal.HEAD), "scanner", "head"),
        (hit(90, signals=HitSignal.PREFETCH), "prefetch", "prefetch"),
        (hit(90, signals=HitSignal.NO_LANGUAGE), "scanner", "no_language"),
        (hit(90, "o", signals=HitSignal.NO_LANGUAGE), "", ""),  # proxies of providers send none
        (hit(90, address="203.0.113.9"), "scanner", "network"),
        (hit(90, address="2001:db8::1"), "scanner", "network"),
        (hit(1), "scanner", "early"),
        (hit(1, "o"), "", ""),
        (hit(90, agent=""), "bot", "agent"),
        (hit(90, agent="python-requests/2.32"), "bot", "agent"),
        (hit(90, "o", agent="curl/8.5"), "bot", "agent"),
        (hit(90, "v"), "", ""),
    ],
)
def test_what_a_request_says_of_itself(found: HitFacts, machine: str, reason: str) -> None:
    [verdict] = classify([found], SENT, Rules(), NETWORKS)
    assert (verdict.machine, verdict.reason) == (machine, reason)


def test_three_links_in_two_seconds_are_a_scanner_however_clean() -> None:
    assert words(hit(60, link=1), hit(61, link=2), hit(62, link=3)) == ["scanner"] * 3
    assert words(hit(60, link=1), hit(61, link=2), hit(62.1, link=3)) == ["", "", ""]
    assert words(hit(60, link=1), hit(60.5, link=1), hit(61, link=1), hit(61.5, link=2)) == [""] * 4


def test_our_own_pages_count_as_links_of_a_burst_and_opens_within_it_follow() -> None:
    assert words(hit(60, link=1), hit(60.5, "o"), hit(61, "u"), hit(62, "v"), hit(300, "o")) == [
        "scanner"
    ] * 4 + [""]


def test_the_trap_link_marks_what_is_near_it_and_a_later_click_is_human_again() -> None:
    found = [hit(60, link=1), hit(70, link=0), hit(100, link=2), hit(600, link=2)]
    assert words(*found) == ["scanner", "scanner", "scanner", ""]


def test_a_slow_walk_over_every_link_is_a_scanner() -> None:
    walk = [hit(60 + 5 * place, link=place + 1) for place in range(5)]
    assert words(*walk) == ["scanner"] * 5
    assert words(*walk[:4]) == [""] * 4
    assert words(hit(60, link=1), hit(65, link=2), sent=Sent(T0, 2)) == ["", ""]


def test_order_of_arrival_does_not_matter() -> None:
    found = [hit(62, link=3), hit(60, link=1), hit(300, link=1), hit(61, link=2)]
    assert words(*found) == ["scanner", "scanner", "", "scanner"]


def test_a_delivery_of_unknown_time_has_no_early_clicks() -> None:
    assert words(hit(0), sent=Sent()) == [""]


def test_networks_of_a_file_are_added(tmp_path) -> None:
    path = tmp_path / "networks"
    path.write_text("# relays\nprivacy_proxy 172.224.224.0/27\nscanner 198.51.100.0/24 # gateway\n")
    networks = load_networks(str(path))
    assert [networks.kind_of(a) for a in ("172.224.224.31", "172.224.224.32", "198.51.100.7", "17.1.1.1", None)] == [
        "privacy_proxy", "", "scanner", "privacy_proxy", "",
    ]  # fmt: skip


def test_a_bad_line_of_the_file_is_named(tmp_path) -> None:
    path = tmp_path / "networks"
    path.write_text("scanner 198.51.100.0/24\nother 10.0.0.0/8\n")
    with pytest.raises(ValueError, match=r":2: other is not one of"):
        load_networks(str(path))
