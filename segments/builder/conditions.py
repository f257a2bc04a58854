"""One condition as inputs, by kind; what the inputs cannot say is edited as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from segments.rules.errors import RuleError
from segments.rules.members import Members
from segments.rules.reading import read_condition

Inputs = dict[str, str]

PLAIN_WINDOWS = ("all", "last", "ago", "older", "next", "absolute")
SEVERAL = (
    "in", "not_in", "has_any", "has_all", "has_none", "has_only", "between", "not_between",
)  # fmt: skip
WITHOUT_VALUE = ("is_empty", "not_empty", "is_true", "is_false")
WHERES = 2
CHOOSING = ("list", "segment", "category")  # kinds whose value is ticked


def fault_of(kind: str, inputs: Mapping[str, str]) -> str:
    """What keeps inputs from being a condition at all, in words; empty when nothing does."""
    if kind == "json":
        try:
            found = json.loads(inputs.get("text", ""))
        except (ValueError, RecursionError) as error:
            return _("This is not JSON: %(why)s") % {"why": error}
        return "" if isinstance(found, dict) else _("A condition is written as { … }.")
    is_open = kind in CHOOSING and not inputs.get("value", "").strip()
    return _("Choose at least one.") if is_open else ""


def write_condition(kind: str, inputs: Mapping[str, str]) -> dict[str, Any]:
    """The JSON of a condition from its inputs; faults are left to the rules."""
    if kind == "json":
        try:
            found = json.loads(inputs.get("text", ""))
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}
    found = {"kind": kind} | WRITERS[kind](inputs)
    return found | ({"not": True} if inputs.get("not") else {})


def read_inputs(condition: Mapping[str, Any]) -> tuple[str, Inputs]:
    """(kind, inputs) of a condition; kind `json` with its text when the inputs cannot hold it."""
    kind = str(condition.get("kind", ""))
    raw = json.dumps(condition, ensure_ascii=False, indent=1)
    if kind in READERS:
        inputs = {name: text for name, text in READERS[kind](condition).items() if text != ""}
        if condition.get("not"):
            inputs["not"] = "on"
        form = _form(condition)
        if form is not None and _form(write_condition(kind, inputs)) == form:
            return kind, inputs
    return "json", {"text": raw}


def _form(condition: Mapping[str, Any]) -> tuple[str, bool] | None:
    members = Members(dict(condition), "")
    members.take("label", None)
    try:
        is_negated = members.flag("not")
        return read_condition(members).form, is_negated
    except RuleError:
        return None


def number_of(text: str) -> Any:
    """A number where the text is one, else the text, for the rules to judge."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers_of(text: str) -> list[Any]:
    return [number_of(part) for part in listed(text)]


def write_window(inputs: Mapping[str, str], prefix: str = "w") -> dict[str, Any]:
    kind = inputs.get(f"{prefix}type", "all")
    if kind not in PLAIN_WINDOWS:
        return {"type": "period", "name": kind}
    if kind == "all":
        return {"type": "all"}
    if kind == "absolute":
        ends = {name: inputs.get(f"{prefix}{name}", "") for name in ("from", "to")}
        return {"type": "absolute"} | {name: text for name, text in ends.items() if text}
    return {
        "type": kind, "amount": number_of(inputs.get(f"{prefix}amount", "")), "unit": inputs.get(f"{prefix}unit", "day"),
    }  # fmt: skip


def read_window(window: Any, prefix: str = "w") -> Inputs:
    if not isinstance(window, dict):
        return {f"{prefix}type": "all"}
    kind = str(window.get("type", "all"))
    found = {f"{prefix}type": str(window.get("name", "")) if kind == "period" else kind}
    for name in ("amount", "unit", "from", "to"):
        found[f"{prefix}{name}"] = str(window.get(name, ""))
    return found


def _write_field(inputs: Mapping[str, str]) -> dict[str, Any]:
    cmp, text = inputs.get("cmp", "eq"), inputs.get("value", "")
    found: dict[str, Any] = {"field": inputs.get("field", ""), "cmp": cmp}
    if cmp in WITHOUT_VALUE:
        return found
    if cmp in ("within", "not_within"):
        return found | {"value": write_window(inputs)}
    if cmp == "anniversary":
        mode = inputs.get("mode", "today")
        more = {"today": {}, "on": {"day": text}, "month": {"month": number_of(text)}}.get(
            mode, {"days": number_of(text)}
        )
        return found | {"value": {"mode": mode} | more}  # type: ignore[dict-item]
    if inputs.get("numeric"):  # the literal was a number when it was saved
        return found | {"value": numbers_of(text) if cmp in SEVERAL else number_of(text)}
    return found | {"value": listed(text) if cmp in SEVERAL else text}


def _read_field(condition: Mapping[str, Any]) -> Inputs:
    value = condition.get("value")
    found = {"field": str(condition.get("field", "")), "cmp": str(condition.get("cmp", ""))}
    if isinstance(value, dict) and found["cmp"] == "anniversary":
        rest = [str(part) for name, part in value.items() if name in ("days", "day", "month")]
        return found | {"mode": str(value.get("mode", "")), "value": rest[0] if rest else ""}
    if isinstance(value, dict):
        return found | read_window(value)
    if _is_numeric(value):
        found["numeric"] = "1"
    return found | {
        "value": ", ".join(str(one) for one in value) if isinstance(value, list) else _plain(value)
    }


def _is_numeric(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return bool(parts) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in parts)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _write_event(inputs: Mapping[str, str]) -> dict[str, Any]:
    fn, cmp = inputs.get("fn", "count"), inputs.get("cmp", "gte")
    found: dict[str, Any] = {"event": inputs.get("event", ""), "window": write_window(inputs)}
    where = [
        _write_where(inputs, place) for place in range(WHERES) if inputs.get(f"param{place}", "").strip()
    ]
    if where:
        found["where"] = where
    found["measure"] = {"fn": fn} | ({"param": inputs["param"]} if inputs.get("param") else {})
    if cmp in WITHOUT_VALUE:
        return found | {"cmp": cmp}
    if cmp in ("within", "not_within"):
        return found | {"cmp": cmp, "value": write_window(inputs, "v")}
    text = inputs.get("value", "")
    is_text = fn in ("first_at", "last_at") or (fn in ("first", "last") and cmp in ("eq", "ne", "contains"))
    return found | {
        "cmp": cmp,
        "value": numbers_of(text) if cmp in SEVERAL else text if is_text else number_of(text),
    }


def _write_where(inputs: Mapping[str, str], place: int) -> dict[str, Any]:
    cmp, text = inputs.get(f"cmp{place}", "eq"), inputs.get(f"value{place}", "")
    found: dict[str, Any] = {"param": inputs[f"param{place}"].strip(), "cmp": cmp}
    if cmp in WITHOUT_VALUE:
        return found
    if cmp in ("between", "not_between"):
        return found | {"value": numbers_of(text)}
    if inputs.get(f"numeric{place}"):
        return found | {"value": numbers_of(text) if cmp in ("in", "not_in") else number_of(text)}
    return found | {"value": listed(text) if cmp in ("in", "not_in") else text}


def _read_event(condition: Mapping[str, Any]) -> Inputs:
    measure = condition.get("measure") or {}
    found = {"event": str(condition.get("event", "")), **read_window(condition.get("window"))}
    found |= {"fn": str(measure.get("fn", "count")), "param": str(measure.get("param", ""))}
    found["cmp"] = str(condition.get("cmp", "gte"))
    value = condition.get("value", 1 if "cmp" not in condition else None)
    if isinstance(value, dict):
        found |= read_window(value, "v")
    else:
        found["value"] = ", ".join(str(one) for one in value) if isinstance(value, list) else _plain(value)
    for place, where in enumerate(condition.get("where") or []):
        if place < WHERES and isinstance(where, dict):
            item = where.get("value")
            found[f"param{place}"], found[f"cmp{place}"] = (
                str(where.get("param", "")),
                str(where.get("cmp", "")),
            )
            if _is_numeric(item):
                found[f"numeric{place}"] = "1"
            found[f"value{place}"] = ", ".join(map(str, item)) if isinstance(item, list) else _plain(item)
    return found


def _write_ids(inputs: Mapping[str, str]) -> dict[str, Any]:
    return {"cmp": inputs.get("cmp", "in_any"), "value": numbers_of(inputs.get("value", ""))}


def _read_ids(condition: Mapping[str, Any]) -> Inputs:
    value = condition.get("value")
    return {
        "cmp": str(condition.get("cmp", "")),
        "value": ", ".join(map(str, value)) if isinstance(value, list) else _plain(value),
    }


def _write_category(inputs: Mapping[str, str]) -> dict[str, Any]:
    return {"cmp": inputs.get("cmp", "subscribed"), "value": listed(inputs.get("value", ""))}


def _write_channel(inputs: Mapping[str, str]) -> dict[str, Any]:
    cmp = inputs.get("cmp", "present")
    found: dict[str, Any] = {"channel": inputs.get("channel", "email"), "cmp": cmp}
    return found | ({"value": listed(inputs.get("value", ""))} if cmp == "status_in" else {})


def _read_channel(condition: Mapping[str, Any]) -> Inputs:
    return _read_ids(condition) | {"channel": str(condition.get("channel", ""))}


def _write_random(inputs: Mapping[str, str]) -> dict[str, Any]:
    ends = {name: number_of(inputs.get(name, "")) for name in ("from", "to")}
    return {"salt": inputs.get("salt", "")} | ends


def _read_random(condition: Mapping[str, Any]) -> Inputs:
    return {name: str(condition.get(name, "")) for name in ("salt", "from", "to")}


WRITERS: dict[str, Callable[[Mapping[str, str]], dict[str, Any]]] = {
    "field": _write_field, "event": _write_event, "list": _write_ids, "segment": _write_ids, "category": _write_category,
    "channel": _write_channel, "random": _write_random,
}  # fmt: skip
READERS: dict[str, Callable[[Mapping[str, Any]], Inputs]] = {
    "field": _read_field, "event": _read_event, "list": _read_ids, "segment": _read_ids, "category": _read_ids,
    "channel": _read_channel, "random": _read_random,
}  # fmt: skip
