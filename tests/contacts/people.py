"""Makes people for tests, by the public service."""

from datetime import UTC, datetime
from typing import Any

from contacts.services.upsert import ContactInput, Outcome, Policy, Token, upsert_contacts

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)

KINDS = {"T": "mobile", "V": "cookie", "D": "device"}


def someone(*words: str, **rest: Any) -> ContactInput:
    """An input from short words as the spec writes them: X1 external id, E1 e-mail, P1 phone, T1 token, V1 cookie."""
    tokens = tuple(Token(kind=KINDS[word[0]], value=word) for word in words if word[0] in KINDS)
    values: dict[str, Any] = {"tokens": tokens}
    for word in words:
        if word[0] == "X":
            values["external_id"] = word
        elif word[0] == "E":
            values["email"] = values["email_norm"] = f"{word.lower()}@example.com"
        elif word[0] == "P":
            values["phone"] = f"38050000000{word[1:]}"
    return ContactInput(**(values | rest))


def upsert(*inputs: ContactInput, policy: Policy = Policy.ADD, now: datetime = NOW) -> list[Outcome]:
    return upsert_contacts(inputs, policy=policy, source="api", actor="test", now=now)
