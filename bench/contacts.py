"""Bulk contacts: the upsert service making contacts, against COPY into the same final tables."""

import time
from datetime import UTC, datetime

from django.db import connection

from bench.rounds import Result, measure
from contacts.services.upsert import ContactInput, Policy, upsert_contacts

SIZES = {"small": 20_000, "full": 100_000}
NOW = datetime.now(UTC).replace(microsecond=0)


def run(*, rounds: int, size: str) -> list[Result]:
    bench = ContactsBench(SIZES[size])
    return [
        measure(
            "contacts", limit=bench.limit, product=bench.product, rounds=rounds, unit="contacts/s", size=size
        )
    ]


class ContactsBench:
    """New contacts with an external id, an e-mail, a phone and a name."""

    def __init__(self, count: int) -> None:
        self.count = count

    def reset(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE contacts_contact, contacts_key, contacts_address, contacts_visitor CASCADE"
            )
            cursor.execute("CHECKPOINT")

    def verify(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM contacts_contact), (SELECT count(*) FROM contacts_key),"
                " (SELECT count(*) FROM contacts_address)"
            )
            found = cursor.fetchone()
        if found != (self.count, self.count, 2 * self.count):
            raise RuntimeError(f"expected {self.count} contacts with three identifiers each; found {found}")

    def limit(self) -> float:
        """COPY of ready rows into contacts, keys and addresses, in one transaction."""
        self.reset()
        moment = NOW.isoformat()
        numbers = range(1, self.count + 1)
        contacts = "".join(
            f"{1_000_000 + n}\tactive\tu{n}\tU{n}@Example.com\tu{n}@example.com\t38067{n:07d}\tOlena\tKovalenko{n % 999}\t"
            f"{{}}\t{{}}\t{{}}\t{moment}\t{moment}\tapi\t\tf\t\n"
            for n in numbers
        )
        keys = "".join(f"ext\tu{n}\t{1_000_000 + n}\t\tt\t{moment}\n" for n in numbers)
        tail = f"active\t\t{moment}\t\tbench\t0\tt\n"
        emails = "".join(f"email\tu{n}@example.com\t{tail}" for n in numbers)
        phones = "".join(f"phone\t38067{n:07d}\t{tail}" for n in numbers)
        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            for target, body in (
                (
                    "contacts_contact (id, state, external_id, email, email_norm, phone, first_name, last_name, data,"
                    " provenance, location, created_at, updated_at, source, source_detail, is_restricted, delete_reason)",
                    contacts,
                ),
                ("contacts_key (kind, value, person_id, scope, is_active, created_at)", keys),
                (
                    "contacts_address (kind, value, status, previous_status, status_at, reason, actor, soft_errors,"
                    " is_sms_capable)",
                    emails + phones,
                ),
            ):
                with cursor.copy(f"COPY {target} FROM STDIN") as copy:
                    copy.write(body)
            cursor.execute("COMMIT")
        rate = self.count / (time.perf_counter() - started)
        self.verify()
        return rate

    def product(self) -> float:
        """The service, in calls of 10 000."""
        self.reset()
        started = time.perf_counter()
        for start in range(1, self.count + 1, 10_000):
            upsert_contacts(
                [
                    ContactInput(
                        external_id=f"u{n}", email=f"U{n}@Example.com", email_norm=f"u{n}@example.com",
                        phone=f"38067{n:07d}", fields={"first_name": "Olena", "last_name": f"Kovalenko{n % 999}"},
                    )
                    for n in range(start, min(start + 10_000, self.count + 1))
                ],
                policy=Policy.BULK, source="api", actor="bench", now=NOW,
            )  # fmt: skip
        rate = self.count / (time.perf_counter() - started)
        self.verify()
        return rate
