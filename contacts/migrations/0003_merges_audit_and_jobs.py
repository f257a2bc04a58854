"""Tables of merges, duplicates, audit, jobs and erased addresses; what fields and moves need for them."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0002_seed_fields"),
    ]

    operations = [
        migrations.CreateModel(
            name="ContactAudit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("contact_id", models.BigIntegerField(verbose_name="contact")),
                ("at", models.DateTimeField(verbose_name="time")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("deleted", "Deleted"),
                            ("restored", "Restored"),
                            ("erased", "Erased"),
                            ("merged", "Merged"),
                            ("unmerged", "Merge undone"),
                            ("field", "Field changed"),
                        ],
                        max_length=8,
                        verbose_name="action",
                    ),
                ),
                ("actor", models.TextField(verbose_name="by")),
                ("reason", models.TextField(blank=True, default="", verbose_name="reason")),
                ("details", models.JSONField(default=dict, verbose_name="details")),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit of contacts",
            },
        ),
        migrations.CreateModel(
            name="ContactJob",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("find", "Find duplicates"),
                            ("merge", "Merge duplicates"),
                            ("index", "Build a field's index"),
                            ("convert", "Convert a field's values"),
                            ("forget", "Wipe a deleted field's values"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("finished", "Finished"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("actor", models.TextField(verbose_name="by")),
                ("request", models.JSONField(default=dict)),
                ("total", models.PositiveIntegerField(default=0, verbose_name="of")),
                ("done", models.PositiveIntegerField(default=0, verbose_name="done")),
                (
                    "counts",
                    models.JSONField(default=dict, help_text="outcome → how many", verbose_name="result"),
                ),
                ("error", models.TextField(blank=True, default="", verbose_name="error")),
                ("created_at", models.DateTimeField(verbose_name="asked")),
                ("state_at", models.DateTimeField(verbose_name="since")),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
            },
        ),
        migrations.CreateModel(
            name="DuplicatePair",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("first_id", models.BigIntegerField()),
                ("second_id", models.BigIntegerField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("email", "Same e-mail"),
                            ("phone", "Same phone"),
                            ("key", "Same contact key"),
                            ("birthday", "Same name and birthday"),
                            ("town", "Same name and address"),
                        ],
                        max_length=8,
                        verbose_name="reason",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("open", "To review"), ("dismissed", "Not duplicates")],
                        default="open",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("found_at", models.DateTimeField(verbose_name="found")),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.TextField(default="")),
            ],
            options={
                "verbose_name": "duplicate",
                "verbose_name_plural": "duplicates",
            },
        ),
        migrations.CreateModel(
            name="MergeRecord",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("winner_id", models.BigIntegerField(verbose_name="kept contact")),
                ("first_winner_id", models.BigIntegerField()),
                ("loser_id", models.BigIntegerField(verbose_name="merged contact")),
                ("merged_at", models.DateTimeField(verbose_name="merged")),
                ("actor", models.TextField(default="", verbose_name="by")),
                ("reason", models.TextField(default="", verbose_name="reason")),
                (
                    "matched_by",
                    models.TextField(
                        default="", help_text="the identifier kind that made an automatic merge"
                    ),
                ),
                ("trail", models.JSONField(default=dict)),
                ("moved", models.JSONField(default=dict, help_text="table → rows moved")),
                ("undone_at", models.DateTimeField(null=True, verbose_name="undone")),
                ("undone_by", models.TextField(default="")),
                (
                    "kept",
                    models.JSONField(
                        default=list, help_text="what an undo left with the winner, changed since"
                    ),
                ),
            ],
            options={
                "verbose_name": "merge",
                "verbose_name_plural": "merges",
            },
        ),
        migrations.CreateModel(
            name="SuppressedAddress",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unconfirmed", "Unconfirmed"),
                            ("active", "Active"),
                            ("unsubscribed", "Unsubscribed"),
                            ("spam", "Spam complaint"),
                            ("blocked", "Blocked for a while"),
                            ("blacklisted", "Blacklisted"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "previous_status",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unconfirmed", "Unconfirmed"),
                            ("active", "Active"),
                            ("unsubscribed", "Unsubscribed"),
                            ("spam", "Spam complaint"),
                            ("blocked", "Blocked for a while"),
                            ("blacklisted", "Blacklisted"),
                        ],
                        default="",
                        max_length=12,
                    ),
                ),
                ("status_at", models.DateTimeField()),
                ("blocked_until", models.DateTimeField(null=True)),
                ("erased_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "erased address",
                "verbose_name_plural": "erased addresses",
            },
        ),
        migrations.CreateModel(
            name="SuppressionSalt",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("salt", models.BinaryField(max_length=32)),
            ],
            options={
                "verbose_name": "salt",
                "verbose_name_plural": "salts",
            },
        ),
        migrations.CreateModel(
            name="VisitorJoin",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("visitor_id", models.BigIntegerField()),
                ("person_id", models.BigIntegerField()),
                ("joined_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "joined visitor",
                "verbose_name_plural": "joined visitors",
            },
        ),
        migrations.AlterModelOptions(
            name="contact",
            options={
                "permissions": [
                    ("view_personal_data", "Can see personal data"),
                    ("export_contact", "Can export contacts"),
                    ("merge_contact", "Can merge contacts and undo merges"),
                ],
                "verbose_name": "contact",
                "verbose_name_plural": "contacts",
            },
        ),
        migrations.AddField(
            model_name="contactfield",
            name="former_keys",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=50),
                blank=True,
                default=list,
                editable=False,
                help_text="keys it had before; they still mean it",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="contactfield",
            name="index_state",
            field=models.CharField(
                blank=True,
                choices=[("", "No"), ("building", "Being built"), ("ready", "Yes"), ("failed", "Failed")],
                default="",
                editable=False,
                max_length=8,
                verbose_name="indexed",
            ),
        ),
        migrations.AddField(
            model_name="contactfield",
            name="merge_strategy",
            field=models.CharField(
                choices=[
                    ("newest", "Written last"),
                    ("oldest", "Written first"),
                    ("max", "The greatest"),
                    ("min", "The least"),
                    ("sum", "The sum"),
                    ("union", "All options of both"),
                ],
                default="newest",
                max_length=6,
                verbose_name="when contacts are merged",
            ),
        ),
        migrations.AddField(
            model_name="identifierchange",
            name="original_person_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="personmove",
            name="origins",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(), null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="personmove",
            name="settle_xid",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="personmove",
            name="target_id",
            field=models.BigIntegerField(db_index=True, null=True),
        ),
        migrations.AddIndex(
            model_name="contactaudit",
            index=models.Index(fields=["contact_id", "at"], name="contacts_audit_contact"),
        ),
        migrations.AddIndex(
            model_name="contactjob",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])),
                fields=["id"],
                name="contacts_job_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="duplicatepair",
            index=models.Index(fields=["state", "reason", "id"], name="contacts_duplicate_list"),
        ),
        migrations.AddIndex(
            model_name="duplicatepair",
            index=models.Index(fields=["second_id"], name="contacts_duplicate_second"),
        ),
        migrations.AddConstraint(
            model_name="duplicatepair",
            constraint=models.UniqueConstraint(
                fields=("first_id", "second_id"), name="contacts_duplicate_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="duplicatepair",
            constraint=models.CheckConstraint(
                condition=models.Q(("first_id__lt", models.F("second_id"))), name="contacts_duplicate_order"
            ),
        ),
        migrations.AddIndex(
            model_name="mergerecord",
            index=models.Index(fields=["winner_id", "merged_at"], name="contacts_merge_winner"),
        ),
        migrations.AddIndex(
            model_name="mergerecord",
            index=models.Index(fields=["loser_id"], name="contacts_merge_loser"),
        ),
        migrations.AddIndex(
            model_name="mergerecord",
            index=models.Index(fields=["merged_at"], name="contacts_merge_at"),
        ),
        migrations.AddConstraint(
            model_name="suppressionsalt",
            constraint=models.CheckConstraint(condition=models.Q(("pk", 1)), name="contacts_salt_one_row"),
        ),
        migrations.AddIndex(
            model_name="visitorjoin",
            index=models.Index(fields=["person_id"], name="contacts_join_person"),
        ),
        migrations.AddIndex(
            model_name="visitorjoin",
            index=models.Index(fields=["visitor_id"], name="contacts_join_visitor"),
        ),
    ]
