"""The rules of dynamic segments: a tree of conditions, read from JSON, without the database."""

from segments.rules.errors import BrokenReference, DefinitionError, RuleError, RuleFault
from segments.rules.formula import formula
from segments.rules.reading import read_definition
from segments.rules.tree import Condition, Definition, Group, located, walk

__all__ = [
    "BrokenReference",
    "Condition",
    "Definition",
    "DefinitionError",
    "Group",
    "RuleError",
    "RuleFault",
    "formula",
    "located",
    "read_definition",
    "walk",
]
