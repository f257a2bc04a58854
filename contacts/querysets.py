"""The vocabulary of reads over contacts."""

from dataclasses import dataclass
from typing import Any, Self

from django.apps import apps
from django.db import models

from contacts.normalise import InvalidValue, normalise_email, normalise_phone

LARGEST_ID = 2**63 - 1


class InsensitiveLike(models.Lookup):  # type: ignore[type-arg]
    """`ILIKE`, which a trigram index serves; Django's `icontains` compares in upper case, which none does."""

    lookup_name = "ilike"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} ILIKE {right}", (*left_params, *right_params)


models.TextField.register_lookup(InsensitiveLike)


class LikeAscii(models.Func):
    """`ILIKE` for a pattern of ASCII, at half its cost: only ASCII is folded, and the two other letters that fold to it."""

    template = "replace(replace(%(expressions)s"
    arg_joiner = ", '\u0130', 'i'), '\u212a', 'k') COLLATE \"C\" ILIKE "
    output_field = models.BooleanField()
    conditional = True


class LikeLower(models.Func):
    """`ILIKE`, folding the pattern once and not with each row."""

    template = "lower(%(expressions)s)"
    arg_joiner = ") LIKE lower("
    output_field = models.BooleanField()
    conditional = True


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """The words of a search box as they were understood: `kind` is id, ext, email, phone or text."""

    kind: str
    value: str


class ContactQuerySet(models.QuerySet):  # type: ignore[type-arg]
    def active(self) -> Self:
        return self.filter(state="active")

    def deleted(self) -> Self:
        return self.filter(state="deleted")

    def universe(self) -> Self:
        """Everybody a segment may hold: active and not restricted."""
        return self.filter(state="active", is_restricted=False)

    def search(self, text: str) -> Self:
        """Contacts meant by the words of a search box.

        `id:12` and `extid:A-7` are exact; so is what reads as an e-mail or a phone that somebody has; the rest is
        looked for inside names, addresses and external ids (index `contact_search`).
        """
        term = self.understand(text)
        return self.of_term(term) if term else self

    def understand(self, text: str) -> SearchTerm | None:
        """What the words mean now; None when there are none. An address that nobody here has is text like any other."""
        term = text.strip().replace("\0", "")
        if not term:
            return None
        for kind in ("ext", "id"):
            word = "extid:" if kind == "ext" else "id:"
            if term.startswith(word):
                return SearchTerm(kind, term.removeprefix(word).strip())
        try:
            kind = "email" if "@" in term else "phone"
            value = normalise_email(term)[1] if kind == "email" else normalise_phone(term).digits
        except InvalidValue:
            return SearchTerm("text", term)
        exact = SearchTerm(kind, value)
        return exact if self.of_term(exact).exists() else SearchTerm("text", term)

    def of_term(self, term: SearchTerm) -> Self:
        """Contacts that an understood search means."""
        if term.kind == "ext":
            return self.filter(pk__in=_owners_of(term.value).values("person_id"))
        if term.kind == "id":
            digits = term.value[:20]
            known = digits.isascii() and digits.isdigit() and int(digits) <= LARGEST_ID
            return self.filter(pk=int(digits)) if known else self.none()
        if term.kind == "text":
            return self._containing(term.value)
        return self.filter(**{"email_norm" if term.kind == "email" else "phone": term.value})

    def comparing(self, term: SearchTerm) -> Self:
        """As `of_term`, for rows that are passed one by one: no index serves it, and text is compared at less cost."""
        if term.kind != "text":
            return self.of_term(term)
        pattern = f"%{_escaped(term.value)}%"
        if term.value.isascii():
            return self.filter(LikeAscii(self.model.SEARCH_TEXT, models.Value(pattern)))  # type: ignore[attr-defined]
        return self.filter(LikeLower(self.model.SEARCH_TEXT, models.Value(pattern)))  # type: ignore[attr-defined]

    def owners_of(self, *external_ids: str) -> Any:
        """Keys of these external ids; `person_id` is their owner."""
        return _owners_of(*external_ids)

    def matching(
        self,
        *,
        external_id: str = "",
        email: str = "",
        sms: str = "",
        firstname: str = "",
        lastname: str = "",
    ) -> Self:
        """Contacts that fit every condition given: exact, but e-mail and names without case."""
        found = self
        if external_id:
            found = found.filter(pk__in=_owners_of(external_id.replace("\0", "")).values("person_id"))
        try:
            if email:
                found = found.filter(email_norm=normalise_email(email)[1])
            if sms:
                found = found.filter(phone=normalise_phone(sms).digits)
        except InvalidValue:  # nobody has an address that is none
            return self.none()
        for column, value in (("first_name", firstname), ("last_name", lastname)):
            if value:
                found = found._containing(value).filter(**{f"{column}__iexact": value.replace("\0", "")})
        return found

    def _containing(self, text: str) -> Self:
        """Contacts whose search text holds these characters (index `contact_search`)."""
        pattern = _escaped(text)
        text_of: Any = self.model.SEARCH_TEXT  # type: ignore[attr-defined]
        return self.alias(search_text=text_of).filter(search_text__ilike=f"%{pattern}%")


def _escaped(text: str) -> str:
    """The text as a pattern of `LIKE` that stands for itself."""
    return text.replace("\0", "").replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _owners_of(*external_ids: str) -> Any:
    return apps.get_model("contacts", "Key").objects.filter(kind="ext", value__in=external_ids)
