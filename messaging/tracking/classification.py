"""Human or machine: what made each hit on the links of one delivery (messaging document 10). Pure.

What a request says of itself decides first; then behaviour, which weighs most against gateways that come from clean
addresses with the agents of browsers: the trap link, many links at once, every link.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.models import HitSignal, Machine
from messaging.tracking.agents import read_agent
from messaging.tracking.networks import Networks
from messaging.tracking.tokens import TRAP_LINK


@dataclass(frozen=True, slots=True)
class HitFacts:
    """One hit as the classifier sees it; `kind` is the token's (o, c, u, v)."""

    at: datetime
    kind: str
    link_id: int | None = None
    user_agent: str = ""
    address: str | None = None
    signals: int = 0

    @property
    def target(self) -> str:
        """What was followed: a link, or one of our own pages."""
        return f"c{self.link_id}" if self.kind == "c" else self.kind


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of the delivery: when it was handed over, how many tracked links it has."""

    handed_at: datetime | None = None
    link_count: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    early: timedelta = timedelta(seconds=2)  # a click sooner after hand-over is a scanner's
    burst: timedelta = timedelta(seconds=2)
    burst_links: int = 3
    all_links: timedelta = timedelta(seconds=30)
    trap: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`machine` is empty for a human; `reason` names the rule."""

    machine: str = Machine.HUMAN
    reason: str = ""

    @property
    def is_human(self) -> bool:
        return not self.machine


HUMAN = Verdict()


def classify(hits: Sequence[HitFacts], sent: Sent, rules: Rules, networks: Networks) -> list[Verdict]:
    """One verdict a hit, in order. `hits` are those of one delivery within the last minutes, old and new."""
    verdicts = [_alone(hit, sent, rules, networks) for hit in hits]
    order = sorted(range(len(hits)), key=lambda place: hits[place].at)
    followed = [place for place in order if hits[place].kind != "o"]
    for reason, machine_at in (
        ("trap", _near_a_trap(hits, order, rules)),
        ("burst", _in_a_burst(hits, order, followed, rules.burst, rules.burst_links)),
        ("every_link", _every_link(hits, order, followed, sent, rules)),
    ):
        for place in machine_at:
            if verdicts[place].is_human:
                verdicts[place] = Verdict(Machine.SCANNER, reason)
    return verdicts


def _alone(hit: HitFacts, sent: Sent, rules: Rules, networks: Networks) -> Verdict:
    """What the request says of itself."""
    agent = read_agent(hit.user_agent)
    network = networks.kind_of(hit.address)
    if hit.signals & HitSignal.HEAD:
        return Verdict(Machine.SCANNER, "head")
    if hit.signals & HitSignal.PREFETCH or agent.is_prefetch:
        return Verdict(Machine.PREFETCH, "prefetch")
    if hit.kind == "o" and (agent.is_privacy_proxy or network == Machine.PRIVACY_PROXY):
        return Verdict(Machine.PRIVACY_PROXY, "agent" if agent.is_privacy_proxy else "network")
    if agent.is_bot:
        return Verdict(Machine.BOT, "agent")
    if network == Machine.SCANNER:
        return Verdict(Machine.SCANNER, "network")
    if hit.kind != "o":
        if hit.signals & HitSignal.NO_LANGUAGE:
            return Verdict(Machine.SCANNER, "no_language")
        if sent.handed_at is not None and hit.at - sent.handed_at < rules.early:
            return Verdict(Machine.SCANNER, "early")
    return HUMAN


def _near_a_trap(hits: Sequence[HitFacts], order: Sequence[int], rules: Rules) -> set[int]:
    """Hits around one on the hidden link: whoever follows that follows without seeing."""
    traps = [
        hits[place].at for place in order if hits[place].kind == "c" and hits[place].link_id == TRAP_LINK
    ]
    return {place for place in order for at in traps if abs(hits[place].at - at) <= rules.trap}


def _in_a_burst(
    hits: Sequence[HitFacts], order: Sequence[int], followed: Sequence[int], span: timedelta, links: int
) -> set[int]:
    """Hits in any stretch of `span` in which `links` different links were followed, and opens within it."""
    found: set[int] = set()
    start = 0
    for end, place in enumerate(followed):
        while hits[place].at - hits[followed[start]].at > span:
            start += 1
        window = followed[start : end + 1]
        if len({hits[member].target for member in window}) >= links:
            first, last = hits[window[0]].at, hits[place].at
            found |= {member for member in order if first <= hits[member].at <= last}
    return found


def _every_link(
    hits: Sequence[HitFacts], order: Sequence[int], followed: Sequence[int], sent: Sent, rules: Rules
) -> set[int]:
    if sent.link_count < rules.burst_links:
        return set()
    links = [place for place in followed if hits[place].kind == "c" and hits[place].link_id != TRAP_LINK]
    return _in_a_burst(hits, order, links, rules.all_links, sent.link_count)
