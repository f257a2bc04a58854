"""Faults of a definition, each at its place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `code`: `E..` stops publishing, `W..` warns; `json` is a text that cannot be read at all.

    Attributes:
        path: where in the document, such as `nodes[2].data.params.wait.n`.
        node: id of the block, when it is one's.
        edge: id of the connection, when it is one's.
    """

    code: str
    text: str
    path: str = ""
    node: str = ""
    edge: str = ""

    @property
    def is_error(self) -> bool:
        return not self.code.startswith("W")

    def __str__(self) -> str:
        place = f" {self.path}" if self.path else ""
        return f"{self.code}{place}: {self.text}"

    def as_dict(self) -> dict[str, str]:
        names = ("code", "text", "path", "node", "edge")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


class DefinitionRefused(ValueError):
    """A document that cannot be read, or may not be published; `problems` says where and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems[:10]))
        self.problems = problems
