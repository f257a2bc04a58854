"""Reads the members of a JSON object strictly: every member is named, typed and taken, or the object is refused.

What was read is kept in canonical form besides (defaults dropped, sets sorted), so that equal conditions are found equal.
"""

import json
import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from segments.rules.errors import RuleError

Part = TypeVar("Part")
MISSING: Any = object()
LONGEST_TEXT = 1_000
MOST_VALUES = 1_000


class Members:
    """One object. `path` is its JSON pointer. Every reader raises RuleError at the pointer of its member."""

    def __init__(self, data: Any, path: str) -> None:
        if not isinstance(data, dict):
            raise RuleError(path, "bad_value", _("must be an object"))
        self.data: dict[str, Any] = data
        self.path = path
        self.canonical: dict[str, Any] = {}
        self._taken: set[str] = set()

    def at(self, name: str) -> str:
        return f"{self.path}/{name.replace('~', '~0').replace('/', '~1')}"

    def fail(self, name: str, message: str, code: str = "bad_value") -> RuleError:
        return RuleError(self.at(name), code, message)

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def take(self, name: str, default: Any = MISSING) -> Any:
        """The member as it is; the caller checks it."""
        self._taken.add(name)
        value = self.data.get(name)
        if value is None:
            if default is MISSING:
                raise self.fail(name, _("is required"), "required")
            return default
        return value

    def keep(self, name: str, value: Any, default: Any = MISSING) -> Any:
        """Note the canonical form of a member and return it."""
        if default is MISSING or value != default:
            self.canonical[name] = value
        return value

    def text(self, name: str, default: Any = MISSING, *, most: int = LONGEST_TEXT) -> str:
        value = self.take(name, default)
        if not isinstance(value, str) or "\0" in value:
            raise self.fail(name, _("must be text"))
        if len(value) > most:
            raise self.fail(name, _("must be at most %(most)s characters") % {"most": most})
        return str(self.keep(name, value, default))

    def choice(
        self, name: str, choices: Sequence[str], default: Any = MISSING, *, code: str = "bad_value"
    ) -> str:
        value = self.take(name, default)
        if value not in choices or not isinstance(value, str):
            raise self.fail(name, _("must be one of %(known)s") % {"known": ", ".join(choices)}, code)
        return str(self.keep(name, value, default))

    def flag(self, name: str) -> bool:
        value = self.take(name, False)
        if not isinstance(value, bool):
            raise self.fail(name, _("must be true or false"))
        return bool(self.keep(name, value, False))

    def integer(self, name: str, default: Any = MISSING, *, least: int = 0, most: int = 1_000_000) -> int:
        value = self.take(name, default)
        if value is default:
            return value  # type: ignore[no-any-return]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            text = _("must be a whole number from %(least)s to %(most)s")
            raise self.fail(name, text % {"least": least, "most": most})
        return int(self.keep(name, value, default))

    def texts(
        self, name: str, default: Any = MISSING, *, choices: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """A set of texts, sorted; one text stands for a list of one."""
        value = self.take(name, default)
        if value is default:
            return ()
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not found or len(found) > MOST_VALUES:
            raise self.fail(name, _("must be a list of 1 to %(most)s texts") % {"most": MOST_VALUES})
        for part in found:
            if not isinstance(part, str) or not part or "\0" in part or len(part) > LONGEST_TEXT:
                raise self.fail(name, _("must hold texts"))
            if choices is not None and part not in choices:
                raise self.fail(name, _("must hold only %(known)s") % {"known": ", ".join(choices)})
        return tuple(self.keep(name, sorted(set(found)), default))

    def integers(self, name: str) -> tuple[int, ...]:
        """A set of ids, sorted."""
        value = self.take(name)
        found = [value] if isinstance(value, int) else value
        if not isinstance(found, list) or not found or len(found) > MOST_VALUES:
            raise self.fail(name, _("must be a list of 1 to %(most)s ids") % {"most": MOST_VALUES})
        if any(not isinstance(part, int) or isinstance(part, bool) or part < 1 for part in found):
            raise self.fail(name, _("must hold ids"))
        return tuple(self.keep(name, sorted(set(found))))

    def part(self, name: str, read: Callable[["Members"], Part], default: Any = MISSING) -> Part:
        """A nested object read by `read`."""
        value = self.take(name, default)
        if value is default:
            return value  # type: ignore[no-any-return]
        members = Members(value, self.at(name))
        found = read(members)
        members.finish()
        if default is MISSING or found != default:
            self.keep(name, members.canonical)
        return found

    def parts(self, name: str, read: Callable[["Members"], Part], *, most: int = 20) -> tuple[Part, ...]:
        """A list of nested objects; absent means none."""
        value = self.take(name, None)
        if value is None or value == []:
            return ()
        if not isinstance(value, list) or len(value) > most:
            raise self.fail(name, _("must be a list of at most %(most)s objects") % {"most": most})
        found, forms = [], []
        for place, item in enumerate(value):
            members = Members(item, f"{self.at(name)}/{place}")
            found.append(read(members))
            members.finish()
            forms.append(members.canonical)
        self.keep(name, forms)
        return tuple(found)

    def finish(self) -> None:
        """Refuse members nobody asked for."""
        for name in self.data:
            if name not in self._taken:
                raise self.fail(name, _("is not known here"), "unknown_member")


def canonical_text(value: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_number(value: Any) -> Decimal | None:
    """A literal number: a JSON number, or text of digits with one dot; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 100 else None
