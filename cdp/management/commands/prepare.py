"""`manage.py prepare`: everything between an empty database and a product that can serve."""

import hashlib
import secrets
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from cdp.calendar import ensure_calendar
from cdp.roles import ensure_roles
from contacts.models import Contact
from events.services.upkeep import keep_partitions
from messaging.services.upkeep import keep_partitions as keep_message_partitions

MAY_MAKE = """
SELECT coalesce(has_schema_privilege('public', 'CREATE'), false)
   AND (has_database_privilege(current_database(), 'CREATE') OR EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm'))
"""


class Command(BaseCommand):
    help = "Migrates, collects static files, makes the first administrator, loads demo data into an empty database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="leave an empty database empty")

    def handle(self, *_args: Any, **options: Any) -> None:
        self.check(display_num_errors=False)
        self._check_rights()
        call_command("migrate", interactive=False, verbosity=0)
        keep_partitions(now=datetime.now(UTC))
        keep_message_partitions(now=datetime.now(UTC))
        ensure_calendar()
        if not Group.objects.exists():  # roles that an administrator renamed or deleted do not come back
            ensure_roles()
        self._collect_static()
        self._make_administrator()
        if not options["no_demo"] and "load_demo" in get_commands() and not Contact.objects.exists():
            call_command("load_demo")

    def _check_rights(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(MAY_MAKE)
            may_make = cursor.fetchone() == (True,)
        if not may_make:
            user = connection.settings_dict["USER"]
            raise CommandError(
                f"DATABASE_URL: the user {user} may not make tables and extensions: let it own the database"
            )

    def _collect_static(self) -> None:
        """Collect when a source file changed since the last time: compressing all of them takes seconds."""
        digest = hashlib.sha256(str(settings.STORAGES["staticfiles"]).encode())
        for finder in get_finders():
            for path, storage in finder.list([]):
                state = f"{path} {storage.size(path)} {storage.get_modified_time(path)}"
                digest.update(state.encode())
        stamp = settings.STATIC_ROOT / ".collected"
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(digest.hexdigest())

    def _make_administrator(self) -> None:
        users = get_user_model().objects
        if users.exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser("admin", "", password)
        self.stdout.write(f"Sign in as: admin   Password: {password}   (shown only now)")
