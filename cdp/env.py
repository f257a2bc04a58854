"""Reads the process environment, typed; a bad value stops the start with the variable's name and the rule."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE_WORDS = {"1", "true", "yes", "on"}
SHORTEST_SECRET = 32
FALSE_WORDS = {"0", "false", "no", "off"}


class Environment:
    """Typed view of environment variables. An empty value counts as not set."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str = "") -> str:
        return self._variables.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value in TRUE_WORDS | FALSE_WORDS:
            return value in TRUE_WORDS
        raise ImproperlyConfigured(f"{name}={value!r}: use one of 1, 0, true, false, yes, no, on, off.")

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.lstrip("-").isdigit() or not least <= int(value) <= most:
            raise ImproperlyConfigured(f"{name}={value!r}: use a whole number from {least} to {most}.")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of `choices`; the first is the default."""
        value = self.text(name, choices[0])
        if value not in choices:
            raise ImproperlyConfigured(f"{name}={value!r}: use one of {', '.join(choices)}.")
        return value

    def words(self, name: str, default: tuple[str, ...] = ()) -> list[str]:
        """A comma-separated list."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or list(default)

    def url(self, name: str, default: str) -> str:
        """An http or https address without a query; a slash at its end is dropped."""
        value = self.text(name, default)
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ImproperlyConfigured(f"{name}={value!r}: use an address such as https://mail.example.com.")
        return value.rstrip("/")

    def numbered_secrets(self, name: str) -> list[str]:
        """Secrets with their number before a colon: "2:newest,1:older". Values are never put in an error."""
        secrets = self.words(name)
        numbers = [secret.partition(":")[0] for secret in secrets]
        good = all(n.isdecimal() and 1 <= int(n) <= 15 for n in numbers) and len(set(numbers)) == len(numbers)
        if not good or any(len(secret.partition(":")[2]) < SHORTEST_SECRET for secret in secrets):
            raise ImproperlyConfigured(
                f"{name}: use NUMBER:SECRET, separated by commas; numbers from 1 to 15, each once, "
                f"secrets of at least {SHORTEST_SECRET} characters."
            )
        return secrets

    def path(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).expanduser().resolve()
