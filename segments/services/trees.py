"""Trees of segments' definitions, kept between passes: reading two hundred of them costs more than evaluating one person.

They are kept by fingerprint, which says what a definition means: an edited one has another, so nothing kept is ever stale.
"""

from collections.abc import Iterable

from segments.models import Segment
from segments.rules import Definition, read_definition

MOST_KEPT = 2_000

_kept: dict[str, Definition] = {}


class Trees:
    """The trees of one pass; those that are not kept yet are fetched in one query."""

    def __init__(self, fingerprints: Iterable[str]) -> None:
        self._missing = sorted(set(fingerprints) - _kept.keys())
        self._bodies: dict[str, object] = {}

    def of(self, segment_id: int, fingerprint: str) -> Definition:
        """Raises: DefinitionError: the definition breaks rules that came after it was saved."""
        tree = _kept.get(fingerprint)
        if tree is None:
            body = self._body(fingerprint)
            if body is None:
                body = Segment.objects.values_list("definition", flat=True).get(pk=segment_id)
            tree = read_definition(body)
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[fingerprint] = tree
        return tree

    def _body(self, fingerprint: str) -> object:
        if self._missing:
            rows = Segment.objects.filter(fingerprint__in=self._missing)
            self._bodies = dict(rows.values_list("fingerprint", "definition"))
            self._missing = []
        return self._bodies.get(fingerprint)
