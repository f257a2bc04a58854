"""Who is meant: the pure part of identity resolution (docs/identity.md). No database here."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from contacts.services.inputs import ContactInput, Person, Policy

# Strongest first, after the external id.
DESCENDING = ("email", "phone", "key", "device", "mobile", "web", "telegram", "pseudo", "cookie")
# Kinds by which a contact known by nothing else is merged into the person found.
ABSORBING = frozenset({"device", "mobile", "web", "telegram", "pseudo"})
ADDRESS_KINDS = frozenset({"email", "phone", "key"})


@dataclass(slots=True)
class Known:
    """Everything the database knows about the identifiers of one wave, read under lock."""

    people: dict[int, Person] = field(default_factory=dict)
    visitors: set[int] = field(default_factory=set)
    owners: dict[tuple[str, str], int] = field(default_factory=dict)  # key → person id
    holders: dict[tuple[str, str], list[int]] = field(
        default_factory=lambda: defaultdict(list)
    )  # address → contacts
    visitor_holders: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    merged: dict[int, int] = field(default_factory=dict)  # tombstone → the contact it was merged into


@dataclass(slots=True)
class Decision:
    """Whom an input means. `target` None: make somebody new (with `take_id`, a visitor's id, when given)."""

    target: int | None = None
    take_id: int | None = None
    restore: bool = False
    failure: tuple[str, str, str] | None = None  # (result, code, message)
    matched_by: str = ""
    attach: list[int] = field(default_factory=list)  # visitors whose rows become the target's
    absorb: dict[int, str] = field(
        default_factory=dict
    )  # contacts to merge into the target → by which identifier


def restores(item: ContactInput, policy: Policy) -> bool:
    if policy is Policy.EVENT:
        return False
    return item.restore_deleted if policy is Policy.BULK else True


def decide(item: ContactInput, policy: Policy, known: Known) -> Decision:
    """Resolve one input against what is known (contacts spec 3.3, steps 1 to 3)."""
    decision = _by_explicit_id(item, policy, known) or _by_external_id(item, policy, known)
    if decision is None:
        decision = _by_descending_strength(item, policy, known)
    if decision.failure is None:
        _visitors(item, known, decision)
        if policy is not Policy.EVENT:
            _strays(item, known, decision)
    return decision


def _by_explicit_id(item: ContactInput, policy: Policy, known: Known) -> Decision | None:
    if item.contact_id is None:
        return None
    person = known.people.get(known.merged.get(item.contact_id, item.contact_id))
    if person is None or person.state not in ("active", "deleted"):
        return Decision(failure=("failed", "not_found", f"Contact with id='{item.contact_id}' not found"))
    if item.external_id is not None and item.external_id != person.external_id:
        owner = known.owners.get(("ext", item.external_id))
        if owner in known.people and owner != person.id:
            message = f"externalCustomerId '{item.external_id}' belongs to another contact"
            return Decision(failure=("failed", "external_id_conflict", message))
        if person.external_id is not None and owner != person.id:
            message = "externalCustomerId of a contact cannot be changed"
            return Decision(failure=("failed", "external_id_immutable", message))
    if person.state == "deleted" and not restores(item, policy):
        return Decision(failure=("skipped", "deleted_skipped", "the contact is deleted"))
    return Decision(target=person.id, restore=person.state == "deleted", matched_by="id")


def _by_external_id(item: ContactInput, policy: Policy, known: Known) -> Decision | None:
    if item.external_id is None:
        return None
    person = known.people.get(known.owners.get(("ext", item.external_id), 0))
    if person is None or person.state not in ("active", "deleted"):
        return None
    if person.state == "deleted" and not restores(item, policy):
        return Decision(failure=("skipped", "deleted_skipped", "the contact is deleted"))
    return Decision(target=person.id, restore=person.state == "deleted", matched_by="external_id")


def _by_descending_strength(item: ContactInput, policy: Policy, known: Known) -> Decision:
    for kind in _kinds(item, policy):
        candidates = [p for p in _candidates(item, kind, known) if _is_compatible(item, p, kind, policy)]
        if candidates:
            best = min(candidates, key=lambda person: _preference(item, person))
            return Decision(target=best.id, restore=best.state == "deleted", matched_by=kind)
    return Decision()


def _kinds(item: ContactInput, policy: Policy) -> Iterable[str]:
    if policy is not Policy.BULK:
        return DESCENDING
    if item.dedupe is None:  # the chosen field is empty: any other identifier will do
        return DESCENDING
    return [kind for kind in item.dedupe if kind not in ("id", "external_id")]


def _candidates(item: ContactInput, kind: str, known: Known) -> list[Person]:
    if kind.startswith("field:"):
        value = item.data.get(kind.removeprefix("field:"))
        ids = known.holders.get((kind, str(value)), []) if value is not None else []
    elif kind in ADDRESS_KINDS:
        ids = [
            i for address in item.addresses() if address[0] == kind for i in known.holders.get(address, ())
        ]
    else:
        ids = [known.owners.get(key, 0) for key in item.owned_keys() if key[0] == kind]
    return [known.people[i] for i in ids if i in known.people]


def _is_compatible(item: ContactInput, person: Person, kind: str, policy: Policy) -> bool:
    """Whether the candidate may be the one meant; a shared device must never overwrite somebody's address."""
    if person.state != "active" and not (person.state == "deleted" and restores(item, policy)):
        return False
    if person.external_id is not None and item.external_id not in (None, person.external_id):
        return False
    if kind in ADDRESS_KINDS or kind.startswith("field:"):
        return True
    differs = [
        mine is not None and theirs is not None and mine != theirs
        for mine, theirs in ((person.email_norm, item.email_norm), (person.phone, item.phone))
    ]
    return not any(differs)


def _preference(item: ContactInput, person: Person) -> tuple[bool, bool, float, int]:
    has_other_id = item.external_id is not None and person.external_id is not None
    return (person.state != "active", has_other_id, -person.updated_at.timestamp(), person.id)


def _strays(item: ContactInput, known: Known, decision: Decision) -> None:
    """Contacts known by nothing but tokens, met by one of them: they are this person (contacts spec 3.3, step 4)."""
    for key in item.owned_keys():
        owner = known.people.get(known.owners.get(key, 0))
        if key[0] in ABSORBING and owner is not None and owner.id != decision.target and _is_stray(owner):
            decision.absorb.setdefault(owner.id, key[0])


def _is_stray(person: Person) -> bool:
    held = (person.external_id, person.email_norm, person.phone, person.contact_key)
    return person.state == "active" and all(value is None for value in held)


def duplicates(item: ContactInput, person_id: int, known: Known) -> tuple[int, ...]:
    """Other active contacts that hold an address of the request: candidates for a colleague's review."""
    found = {
        holder
        for address in item.addresses()
        for holder in known.holders.get(address, ())
        if holder != person_id and known.people[holder].state == "active"
    }
    return tuple(sorted(found))


def _visitors(item: ContactInput, known: Known, decision: Decision) -> None:
    """Visitors met by any identifier: the strongest gives a new contact its id, the others' rows move to it."""
    found: list[int] = []
    for kind in ("ext", *DESCENDING):
        keys = item.owned_keys()
        found.extend(
            known.owners[key] for key in keys if key[0] == kind and known.owners.get(key) in known.visitors
        )
        for address in item.addresses():
            if address[0] == kind:
                found.extend(known.visitor_holders.get(address, ()))
    unique = list(dict.fromkeys(found))
    if decision.target is None and unique:
        decision.take_id = unique.pop(0)
    decision.attach = unique
