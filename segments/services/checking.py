"""Whether a definition can be evaluated: everything it names is there, and segments do not refer in a circle."""

from typing import Any

from django.utils.translation import gettext as _

from segments.catalogue import Catalogue
from segments.leaves.membership import SegmentLeaf
from segments.rules import BrokenReference, Definition, DefinitionError, RuleFault, located, read_definition

DEEPEST_REFERENCE = 5


def check_definition(definition: Definition, catalogue: Catalogue, *, own_id: int | None = None) -> None:
    """Refuse a definition that could not be evaluated.

    Args:
        own_id: the segment it belongs to; references back to it are circles.

    Raises:
        DefinitionError: every fault with the pointer of its condition.
    """
    faults = []
    for path, condition in located(definition):
        try:
            condition.leaf.check(catalogue)
            if isinstance(condition.leaf, SegmentLeaf):
                for number in condition.leaf.value:
                    check_chain(number, catalogue, passed=(own_id or 0,))
        except BrokenReference as error:
            faults.append(RuleFault(path, error.code, error.message))
    if faults:
        raise DefinitionError(faults)


def check_chain(number: int, catalogue: Catalogue, *, passed: tuple[int, ...]) -> None:
    """Follow references of segments to segments. `passed` begins with the segment that refers, 0 for a new one.

    Raises:
        BrokenReference: they come back to one passed, or go deeper than five.
    """
    info = catalogue.segment(number)
    if number in passed:
        text = _("the segment %(name)s refers back to this one") % {"name": info.name}
        raise BrokenReference("segment_cycle", text)
    if len(passed) > DEEPEST_REFERENCE:
        text = _("segments may refer to segments at most %(most)s deep") % {"most": DEEPEST_REFERENCE}
        raise BrokenReference("too_deep", text)
    for inner in referred_segments(read_definition(info.definition)):
        check_chain(inner, catalogue, passed=(*passed, number))


def referred_segments(definition: Definition) -> set[int]:
    leaves = [condition.leaf for condition in definition.conditions()]
    return {number for leaf in leaves if isinstance(leaf, SegmentLeaf) for number in leaf.value}


def sources_of(definition: Definition, catalogue: Catalogue) -> frozenset[str]:
    """Words of everything the definition reads."""
    return frozenset(word for one in definition.conditions() for word in one.leaf.reads(catalogue))


def read_checked(body: Any, catalogue: Catalogue, *, own_id: int | None = None) -> Definition:
    """A definition read and checked.

    Raises:
        DefinitionError: its faults, each with its pointer.
    """
    definition = read_definition(body)
    check_definition(definition, catalogue, own_id=own_id)
    return definition
