"""Faults that msgspec finds in structures, in the reader's language: it tells them in English only."""

import re

from django.utils.translation import gettext, gettext_noop

SENTENCES = tuple(
    (re.compile(pattern, re.DOTALL), sentence)
    for pattern, sentence in (
        (r"Object contains unknown field `(?P<name>.*)`", gettext_noop("Object contains unknown field `%(name)s`")),
        (r"Object missing required field `(?P<name>.*)`", gettext_noop("Object missing required field `%(name)s`")),
        (r"Expected `(?P<wanted>[^`]*)`", gettext_noop("Expected `%(wanted)s`")),
        (
            r"Expected `(?P<wanted>[^`]*)`, got `(?P<given>[^`]*)`",
            gettext_noop("Expected `%(wanted)s`, got `%(given)s`"),
        ),
        (r"Expected `(?P<wanted>[^`]*)` (?P<bound>[<>]=? \S+)", gettext_noop("Expected `%(wanted)s` %(bound)s")),
        (
            r"Expected `(?P<wanted>[^`]*)` of length (?P<bound>[<>]=? \d+)",
            gettext_noop("Expected `%(wanted)s` of length %(bound)s"),
        ),
        (
            r"Expected `(?P<wanted>[^`]*)` of length (?P<length>\d+), got (?P<given>\d+)",
            gettext_noop("Expected `%(wanted)s` of length %(length)s, got %(given)s"),
        ),
        (r"Invalid enum value (?P<value>.*)", gettext_noop("Invalid enum value %(value)s")),
    )
)  # fmt: skip


def in_words(text: str) -> str:
    """A message of msgspec without its path; one that is not known stays as it is."""
    for pattern, sentence in SENTENCES:
        if found := pattern.fullmatch(text):
            return gettext(sentence) % found.groupdict()
    return text
