"""Tables of saved views and chosen columns; the kinds of jobs and audit entries for many contacts."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contacts", "0009_card_actions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ListChoice",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "columns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=30), default=list, size=None
                    ),
                ),
            ],
            options={
                "verbose_name": "choice for the contact list",
                "verbose_name_plural": "choices for the contact list",
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("params", models.JSONField(default=dict)),
                ("is_shared", models.BooleanField(default=False, verbose_name="shared with colleagues")),
                ("created_at", models.DateTimeField(verbose_name="created")),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
            },
        ),
        migrations.AlterField(
            model_name="contactaudit",
            name="action",
            field=models.CharField(
                choices=[
                    ("deleted", "Deleted"),
                    ("restored", "Restored"),
                    ("erased", "Erased"),
                    ("merged", "Merged"),
                    ("unmerged", "Merge undone"),
                    ("field", "Field changed"),
                    ("bulk", "Many contacts changed"),
                    ("unsubscribed", "Address unsubscribed"),
                    ("blacklisted", "Address blacklisted"),
                    ("unblacklisted", "Address taken off the blacklist"),
                    ("listed", "Added to a list"),
                    ("unlisted", "Removed from a list"),
                    ("launched", "Workflow launched by hand"),
                    ("tested", "Test message sent"),
                    ("exported", "Data exported"),
                ],
                max_length=16,
                verbose_name="action",
            ),
        ),
        migrations.AlterField(
            model_name="contactjob",
            name="kind",
            field=models.CharField(
                choices=[
                    ("find", "Find duplicates"),
                    ("merge", "Merge duplicates"),
                    ("index", "Build a field's index"),
                    ("convert", "Convert a field's values"),
                    ("forget", "Wipe a deleted field's values"),
                    ("bulk", "Change many contacts"),
                    ("export", "Export contacts"),
                ],
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="owner",
            ),
        ),
        migrations.AddField(
            model_name="listchoice",
            name="opens_with",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="contacts.savedview",
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(fields=("owner", "name"), name="contacts_view_name"),
        ),
    ]
