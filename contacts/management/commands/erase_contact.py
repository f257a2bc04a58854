"""`manage.py erase_contact`: wipes contacts for good."""

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contacts.models import AuditAction, Contact, ContactAudit
from contacts.services.lifecycle import erase_contacts


class Command(BaseCommand):
    help = "Erases contacts by id or external id. Nothing can be brought back; the certificate stays in the audit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, help="contact ids")
        parser.add_argument("--external-id", action="append", default=[], help="may be given several times")
        parser.add_argument("--reason", default="", help="for the certificate; no personal data")
        parser.add_argument("--actor", default="manage.py")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="for programs: the certificates")

    def handle(self, *_args: Any, **options: Any) -> None:
        owners = Contact.objects.owners_of(*options["external_id"]).values_list("person_id", flat=True)
        ids = sorted({*options["ids"], *owners})
        if not ids:
            raise CommandError("nobody has these ids")
        if not options["yes"] and input(f"Erase {len(ids)} contacts for good? [y/N] ").lower() != "y":
            raise CommandError("nothing was erased")
        now = datetime.now(UTC)
        erased = erase_contacts(ids, now=now, actor=options["actor"], reason=options["reason"])
        if options["json"]:
            rows = ContactAudit.objects.filter(contact_id__in=ids, action=AuditAction.ERASED).order_by("pk")
            found = [
                {"contactId": row.contact_id, "at": row.at.isoformat(), "actor": row.actor} | row.details
                for row in rows
            ]
            self.stdout.write(json.dumps(found))
        else:
            self.stdout.write(f"erased {erased} of {len(ids)}")
        if erased < len(ids):
            raise CommandError("not everybody was there to be erased")
