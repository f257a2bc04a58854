"""Inputs of kinds of conditions that other apps bring: registered like their leaves, in `AppConfig.ready()`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from segments.builder.conditions import READERS, WRITERS, Inputs

Choice = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KindForm:
    """How a kind is put together by inputs.

    Attributes:
        write, read: as those of `segments.builder.conditions`; what `write` cannot say opens as JSON.
        template: draws the inputs, with `name`, `inputs`, `condition` and `choices`.
        choices: what the template's selects need beside the common ones.
        picks: name of an input whose values are ticked → its name among all choices.
        named: what values of such an input are called that the choices are too many to hold; those that are gone are left out.
    """

    label: Any
    write: Callable[[Mapping[str, str]], dict[str, Any]]
    read: Callable[[Mapping[str, Any]], Inputs]
    template: str
    choices: Callable[[], dict[str, list[Choice]]]
    picks: Mapping[str, str] = field(default_factory=dict)
    named: Callable[[str, Collection[str]], Mapping[str, str]] = lambda _name, _values: {}


registry: dict[str, KindForm] = {}


def register_form(kind: str, form: KindForm) -> None:
    registry[kind] = form
    WRITERS[kind], READERS[kind] = form.write, form.read
