"""Networks that machines fetch from: Apple's relays, data centres of scanners.

Apple's own block is known; the rest is a file that operators keep (`CDP_MACHINE_NETWORKS`): lines of a kind
(`privacy_proxy` or `scanner`) and a network, such as `privacy_proxy 172.224.224.0/27`; `#` begins a comment.
"""

from bisect import bisect_right
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path

KINDS = ("privacy_proxy", "scanner")
BUILT_IN = (("privacy_proxy", "17.0.0.0/8"), ("privacy_proxy", "2620:149::/32"))


class Networks:
    """Finds the kind of the network an address lies in, by bisection."""

    def __init__(self, entries: tuple[tuple[str, str], ...]) -> None:
        ranges: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
        for kind, text in entries:
            network = ip_network(text)
            ranges[network.version].append((int(network[0]), int(network[-1]), kind))
        self._ranges = {version: sorted(found) for version, found in ranges.items()}
        self._starts = {version: [start for start, _, _ in found] for version, found in self._ranges.items()}

    def kind_of(self, address: str | None) -> str:
        """`privacy_proxy`, `scanner`, or nothing. Of nested networks the innermost start decides."""
        if not address:
            return ""
        parsed = ip_address(address)
        number, version = int(parsed), parsed.version
        place = bisect_right(self._starts[version], number) - 1
        if place < 0:
            return ""
        _, end, kind = self._ranges[version][place]
        return kind if number <= end else ""


@lru_cache(maxsize=2)
def load_networks(path: str) -> Networks:
    """The built-in networks and those of the file; read once a process.

    Raises:
        ValueError: a line that is neither a comment nor a kind and a network; the message has its number.
    """
    entries = list(BUILT_IN)
    lines = Path(path).read_text().splitlines() if path else []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            kind, network = words
            if kind not in KINDS:
                raise ValueError(f"{kind} is not one of {', '.join(KINDS)}")
            ip_network(network)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error
        entries.append((kind, network))
    return Networks(tuple(entries))
