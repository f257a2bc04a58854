"""Located faults of a message's texts."""

from dataclasses import asdict, dataclass
from typing import Any

PARTS = ("subject", "preheader", "source", "text")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: `line` and `column` count from 1 in the part as the author wrote it; 0 is unknown."""

    part: str
    text: str
    line: int = 0
    column: int = 0
    language: str = ""

    def __str__(self) -> str:
        place = f", line {self.line}, column {self.column}" if self.line else ""
        language = f" ({self.language})" if self.language else ""
        return f"{self.part}{language}{place}: {self.text}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class RenderError(Exception):
    """A text could not be rendered or compiled."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Aborted(Exception):
    """`{% abort "reason" %}` was reached."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
