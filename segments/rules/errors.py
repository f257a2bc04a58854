"""What is wrong with a definition, each fault at its JSON pointer."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleFault:
    """One fault. `path` is a JSON pointer into the definition, `code` is stable, `message` names the rule."""

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '/'}: {self.message}"


class DefinitionError(ValueError):
    """A definition breaks rules; nothing was saved. Carries every fault found."""

    def __init__(self, faults: Iterable[RuleFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class RuleError(ValueError):
    """One fault met while reading; the reader collects it."""

    def __init__(self, path: str, code: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.fault = RuleFault(path, code, message)


class BrokenReference(ValueError):
    """A condition names something that is not there (any more): a field, list, category, event type or segment."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
