"""The catalogues of translations: read, compiled for a test, and compared with what the sources mark."""

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import django
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

SOURCES = sorted((settings.BASE_DIR / "locale").glob("*/LC_MESSAGES/django.po"))
KEYWORDS = {
    "_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None,
    "ngettext": (1, 2), "ngettext_lazy": (1, 2), "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3), "npgettext_lazy": ((1, "c"), 2, 3),
}  # fmt: skip
FOREIGN = {"tests", "bench", "frontend", "locale"}


def language_of(source: Path) -> str:
    return source.parent.parent.name


def read_catalogue(source: Path) -> Catalog:
    with source.open("rb") as text:
        return read_po(text, locale=language_of(source))


def compile_catalogues(home: Path) -> None:
    """Make the binary catalogues below `home`, which becomes a folder for LOCALE_PATHS."""
    for source in SOURCES:
        target = home / language_of(source) / "LC_MESSAGES" / "django.mo"
        target.parent.mkdir(parents=True)
        with target.open("wb") as binary:
            write_mo(binary, read_catalogue(source))


def marked_texts() -> Iterator[tuple[str, str | None, object]]:
    """(file, context, text or texts) of everything the sources mark for translation."""
    for path in sorted(settings.BASE_DIR.rglob("*")):
        place = path.relative_to(settings.BASE_DIR)
        is_ours = not (
            place.parts[0] in FOREIGN or any(p.startswith(".") or p == "node_modules" for p in place.parts)
        )
        if not is_ours or path.suffix not in (".py", ".html"):
            continue
        text = path.read_text()
        code = templatize(text) if path.suffix == ".html" else text
        for _line, found, _comments, context in extract(
            "python", io.BytesIO(code.encode()), keywords=KEYWORDS
        ):
            yield str(place), context, tuple(found) if isinstance(found, list | tuple) else found


FAULTS = {
    "Problem": 1, "_fault": 0, "DefinitionRefused": 0, "RuleFault": 2, "RuleError": 2, "BrokenReference": 1, "bad_value": 0,
    "fail": 1, "PatternError": 0, "NotPossible": 0, "SegmentRefused": 0,
}  # fmt: skip
RULES = ("segments/**/*.py", "workflows/**/*.py", "messaging/leaves.py", "messaging/message_filter.py")


def fault_texts() -> Iterator[tuple[str, str | None]]:
    """(place, text) of every fault that rules of segments and workflows tell; the text only where it is not marked."""
    for path in sorted(found for pattern in RULES for found in settings.BASE_DIR.glob(pattern)):
        for call in filter(lambda one: isinstance(one, ast.Call), ast.walk(ast.parse(path.read_text()))):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name not in FAULTS or len(call.args) <= FAULTS[name]:
                continue
            told = call.args[FAULTS[name]]
            if isinstance(told, ast.BinOp):  # a sentence whose places are filled
                told = told.left
            is_bare = isinstance(told, ast.JoinedStr) or (isinstance(told, ast.Constant) and told.value)
            place = f"{path.relative_to(settings.BASE_DIR)}:{call.lineno}"
            yield place, ast.unparse(told) if is_bare else None


def english_texts(language: str) -> set[str]:
    """English texts, ours and the framework's, whose translation says something else."""
    framework = Path(django.__file__).parent
    ours = [source for source in SOURCES if language_of(source) == language]
    found: set[str] = set()
    for source in [*framework.glob(f"**/locale/{language}/LC_MESSAGES/django.po"), *ours]:
        for message in read_catalogue(source):
            said = message.string if isinstance(message.string, tuple) else (message.string,)
            meant = message.id if isinstance(message.id, tuple) else (message.id,)
            found |= {text.strip() for text in meant if any(said) and text not in said}
    return found - {""}
