"""Variables of a launch: `${name}`, `${order.items[0].name}`, `${name|default}`, and paths into parameters."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

VARIABLE = re.compile(r"\$\{([^{}|]*)(?:\|([^{}]*))?\}")
STEP = re.compile(r"([^.\[\]]+)|\[(\d*)\]")
# Names that are found without regard to case, when the event spells one of its identifiers otherwise.
IDENTIFIERS = {
    "contactid": ("contactid", "contact_id"), "externalcustomerid": ("externalcustomerid",),
    "emailaddress": ("emailaddress", "email", "useremail", "contactemail"),
    "phonenumber": ("phonenumber", "phone", "sms"),
}  # fmt: skip
SYNONYMS = {name: group for group in IDENTIFIERS.values() for name in group}
MISSING = object()


@dataclass(slots=True)
class Rendered:
    """A value with its variables filled in, and the names that were not there."""

    value: Any
    undefined: list[str] = field(default_factory=list)


def find(values: Mapping[str, Any], path: str) -> Any:
    """The value of a path such as `order.items[0].name`; MISSING when there is none.

    Names are case-sensitive, but for identifiers of the contact. `[]` gives the list of all elements' values.
    """
    if path in values:
        return values[path]
    steps = STEP.findall(path)
    if not steps or "".join(name or f"[{place}]" for name, place in steps) != path.replace(".", ""):
        return MISSING
    found: Any = values.get(steps[0][0], MISSING)
    if found is MISSING and len(steps) == 1:
        return _identifier(values, path)
    return _walk(found, steps[1:])


def _walk(value: Any, steps: list[tuple[str, str]]) -> Any:
    for number, (name, place) in enumerate(steps):
        if isinstance(value, str) and value[:1] in ("{", "["):
            value = _decoded(value)
        if name:
            if not isinstance(value, Mapping) or name not in value:
                return MISSING
            value = value[name]
        elif not isinstance(value, list):
            return MISSING
        elif place:
            if int(place) >= len(value):
                return MISSING
            value = value[int(place)]
        else:
            inner = [_walk(item, steps[number + 1 :]) for item in value]
            return [item for item in inner if item is not MISSING]
    return value


def _decoded(text: str) -> Any:
    """JSON that a sender wrote as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _identifier(values: Mapping[str, Any], name: str) -> Any:
    wanted = SYNONYMS.get(name.lower())
    if wanted is None:
        return MISSING
    for synonym in wanted:
        for key, value in values.items():
            if key.lower() == synonym:
                return value
    return MISSING


def as_text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def render(template: Any, values: Mapping[str, Any]) -> Rendered:
    """Fill in the variables of a text, or of the texts inside a list or object.

    A text that is one variable becomes its value, of whatever type; undefined ones are empty, or None when alone.
    """
    if isinstance(template, dict):
        found = {key: render(item, values) for key, item in template.items()}
        names = [name for item in found.values() for name in item.undefined]
        return Rendered({key: item.value for key, item in found.items()}, names)
    if isinstance(template, list | tuple):
        items = [render(item, values) for item in template]
        return Rendered([item.value for item in items], [name for item in items for name in item.undefined])
    if not isinstance(template, str) or "${" not in template:
        return Rendered(template)
    return _render_text(template, values)


def _render_text(template: str, values: Mapping[str, Any]) -> Rendered:
    undefined: list[str] = []

    def value_of(found: re.Match[str]) -> Any:
        name = found[1].strip()
        value = find(values, name)
        if value is MISSING or value is None:
            if found[2] is not None:
                return found[2]
            undefined.append(name)
            return None
        return value

    alone = VARIABLE.fullmatch(template)
    if alone is not None:
        return Rendered(value_of(alone), undefined)
    return Rendered(VARIABLE.sub(lambda found: as_text(value_of(found)), template), undefined)


def names_in(template: Any) -> list[str]:
    """Variables that a value uses."""
    if isinstance(template, dict):
        return [name for item in template.values() for name in names_in(item)]
    if isinstance(template, list | tuple):
        return [name for item in template for name in names_in(item)]
    return [found[1].strip() for found in VARIABLE.finditer(template)] if isinstance(template, str) else []


def template_fault(template: str) -> str:
    """What is wrong with a text's variables; empty when nothing is."""
    rest = VARIABLE.sub("", template)
    if "${" in rest:
        return _("a variable begins with ${ and has no end")
    for name in names_in(template):
        steps = STEP.findall(name)
        if not name or "".join(part or f"[{place}]" for part, place in steps) != name.replace(".", ""):
            return _("'%(name)s' is no name of a variable") % {"name": name}
    return ""
