"""Reads a definition document; every unknown key and wrong type is refused with its path."""

import json
import re
from typing import Any, TypeVar

import msgspec
from django.utils.translation import gettext as _

from workflows.definition.problems import DefinitionRefused, Problem
from workflows.definition.structure import Definition, Edge, ExitRule, Node
from workflows.definition.wording import in_words

LARGEST = 512 * 1024
MOST_NODES = 200
MOST_EDGES = 4_000
AT = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
Read = TypeVar("Read")
LISTS: tuple[tuple[str, type], ...] = (("nodes", Node), ("edges", Edge))


def read_part(value: Any, kind: type[Read], path: str, *, code: str = "E05", node: str = "") -> Read:
    """One piece of a document.

    Raises:
        DefinitionRefused: with one problem, at the path of what is wrong.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found = AT.search(text)
        inner = found["path"] if found else ""
        words = in_words(text[: found.start()] if found else text)
        if inner.startswith(".") and not path:
            inner = inner[1:]
        raise DefinitionRefused([Problem(code, words, f"{path}{inner}", node=node)]) from error


def read_text(text: str) -> Definition:
    """A definition from JSON text.

    Raises:
        DefinitionRefused: it is no JSON (the message names line and column), or no definition.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DefinitionRefused([Problem("json", _("not readable: %(error)s") % {"error": error})]) from error
    return read(document)


def _refuse_constant(name: str) -> Any:
    raise ValueError(_("%(name)s is no number") % {"name": name})


def read(document: Any) -> Definition:
    """A definition from decoded JSON, its faults of structure all at once.

    Raises:
        DefinitionRefused: unknown keys, wrong types, too large; each problem has its path.
    """
    if not isinstance(document, dict):
        raise DefinitionRefused([Problem("json", _("a workflow is a JSON object"))])
    if len(json.dumps(document)) > LARGEST:
        text = _("the document is larger than %(most)s KB") % {"most": LARGEST // 1024}
        raise DefinitionRefused([Problem("E15", text)])
    problems: list[Problem] = []
    rest = {name: value for name, value in document.items() if name not in ("nodes", "edges", "stop")}
    parts: dict[str, list[Any]] = {
        name: _elements(document.get(name, []), kind, name, problems) for name, kind in LISTS
    }
    stop = dict(document["stop"]) if isinstance(document.get("stop"), dict) else document.get("stop", {})
    rules = []
    if isinstance(stop, dict):
        rules = _elements(stop.pop("exit_rules", []), ExitRule, "stop.exit_rules", problems)
    whole = None
    try:
        whole = read_part(rest | {"stop": stop}, Definition, "")
    except DefinitionRefused as refused:
        problems.extend(refused.problems)
    if whole is None or problems:
        raise DefinitionRefused(problems)
    stopped = msgspec.structs.replace(whole.stop, exit_rules=tuple(rules))
    return msgspec.structs.replace(
        whole, stop=stopped, nodes=tuple(parts["nodes"]), edges=tuple(parts["edges"])
    )


def _elements(value: Any, kind: type[Read], path: str, problems: list[Problem]) -> list[Read]:
    """Each element by itself, so that a fault names its place."""
    most = MOST_NODES if kind is Node else MOST_EDGES
    if not isinstance(value, list):
        problems.append(Problem("E05", in_words("Expected `array`"), path))
        return []
    if len(value) > most:
        problems.append(Problem("E15", _("at most %(most)s are possible") % {"most": most}, path))
        return []
    found = []
    for place, item in enumerate(value):
        name = item.get("id") if isinstance(item, dict) and kind is Node else ""
        try:
            found.append(
                read_part(item, kind, f"{path}[{place}]", node=name if isinstance(name, str) else "")
            )
        except DefinitionRefused as refused:
            problems.extend(refused.problems)
    return found


def write(definition: Definition) -> dict[str, Any]:
    """The document of a definition; reading it gives the same definition again."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(definition))  # lists, as JSON has them
    return {"schema": definition.schema} | found
