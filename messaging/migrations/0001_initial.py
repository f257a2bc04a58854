import django.contrib.postgres.fields
import django.db.models.deletion
import messaging.models.deliveries
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("contacts", "0002_seed_fields"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Activity",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=messaging.models.deliveries.NextActivityId(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                ("person_id", models.BigIntegerField()),
                ("delivery_id", models.BigIntegerField()),
                ("cause_month", models.DateField()),
                (
                    "cause_kind",
                    models.TextField(
                        choices=[
                            ("campaign", "Campaign"),
                            ("workflow", "Workflow"),
                            ("api", "API"),
                            ("test", "Test"),
                        ]
                    ),
                ),
                ("cause_id", models.BigIntegerField()),
                ("message_id", models.BigIntegerField()),
                ("channel", models.TextField(default="email")),
                (
                    "kind",
                    models.TextField(
                        choices=[
                            ("sent", "Sent"),
                            ("delivered", "Delivered"),
                            ("opened", "Opened"),
                            ("clicked", "Clicked"),
                            ("unsubscribed", "Unsubscribed"),
                            ("spam", "Spam complaint"),
                            ("error", "Not delivered"),
                            ("unavailable", "Not sent"),
                        ],
                        verbose_name="kind",
                    ),
                ),
                (
                    "machine",
                    models.TextField(
                        blank=True,
                        choices=[
                            ("", "Human"),
                            ("privacy_proxy", "Privacy proxy"),
                            ("scanner", "Scanner"),
                            ("prefetch", "Prefetch"),
                            ("bot", "Bot"),
                        ],
                        default="",
                    ),
                ),
                ("link_id", models.BigIntegerField(null=True)),
                ("url", models.TextField(default="")),
                ("reason", models.TextField(default="")),
                ("details", models.JSONField(default=dict)),
                ("source_key", models.TextField(default="")),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activities",
                "managed": False,
                "db_table": "messaging_activity",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        db_default=messaging.models.deliveries.NextDeliveryId(),
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("cause_month", models.DateField()),
                (
                    "cause_kind",
                    models.TextField(
                        choices=[
                            ("campaign", "Campaign"),
                            ("workflow", "Workflow"),
                            ("api", "API"),
                            ("test", "Test"),
                        ],
                        verbose_name="cause",
                    ),
                ),
                ("cause_id", models.BigIntegerField()),
                ("slot", models.TextField(default="")),
                ("endpoint", models.TextField(verbose_name="address")),
                ("contact_id", models.BigIntegerField()),
                ("message_id", models.BigIntegerField()),
                ("revision_id", models.BigIntegerField()),
                ("language", models.TextField(default="", verbose_name="language")),
                (
                    "channel",
                    models.TextField(choices=[("email", "E-mail")], default="email", verbose_name="channel"),
                ),
                ("connection_id", models.BigIntegerField(null=True)),
                ("sender_id", models.BigIntegerField(null=True)),
                ("is_transactional", models.BooleanField(default=False)),
                ("is_test", models.BooleanField(default=False)),
                (
                    "priority",
                    models.SmallIntegerField(
                        choices=[(0, "Transactional"), (1, "Triggered"), (2, "Bulk")], default=2
                    ),
                ),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("planned", "Planned"),
                            ("claimed", "Claimed"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("skipped", "Skipped"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="planned",
                        verbose_name="state",
                    ),
                ),
                ("reason", models.TextField(default="", verbose_name="reason")),
                ("not_before", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("claim_token", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("worker", models.TextField(default="")),
                ("attempts", models.SmallIntegerField(default=0)),
                ("provider_id", models.TextField(default="")),
                ("message_id_header", models.TextField(default="")),
                ("subject", models.TextField(default="", verbose_name="subject")),
                ("context", models.JSONField(default=dict)),
                ("planned_at", models.DateTimeField(verbose_name="planned")),
                ("handed_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("delivered_at", models.DateTimeField(null=True, verbose_name="delivered")),
                ("opened_at", models.DateTimeField(null=True, verbose_name="opened")),
                ("clicked_at", models.DateTimeField(null=True, verbose_name="clicked")),
                ("unsubscribed_at", models.DateTimeField(null=True, verbose_name="unsubscribed")),
                ("complained_at", models.DateTimeField(null=True, verbose_name="complained")),
                ("failed_at", models.DateTimeField(null=True, verbose_name="failed")),
                ("last_error", models.TextField(default="")),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "managed": False,
                "db_table": "messaging_delivery",
            },
        ),
        migrations.CreateModel(
            name="ActivityKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("delivery_id", models.BigIntegerField()),
                ("source_key", models.TextField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "recorded provider event",
                "verbose_name_plural": "recorded provider events",
                "indexes": [models.Index(fields=["at"], name="messaging_activitykey_at")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("delivery_id", "source_key"), name="messaging_activitykey_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True, verbose_name="name")),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail")], default="email", max_length=10, verbose_name="channel"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("smtp", "SMTP server"),
                            ("anymail", "E-mail provider's API"),
                            ("file", "Development mailbox"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("options", models.JSONField(blank=True, default=dict, verbose_name="options")),
                ("secret", models.BinaryField(blank=True, default=b"")),
                ("webhook_secret", models.BinaryField(blank=True, default=b"")),
                (
                    "per_second",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="at most per second"),
                ),
                (
                    "per_minute",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="at most per minute"),
                ),
                (
                    "per_hour",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="at most per hour"),
                ),
                (
                    "per_day",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="at most per day"),
                ),
                (
                    "pool_size",
                    models.PositiveSmallIntegerField(default=1, verbose_name="parallel connections"),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
                ("backs_off_until", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failures", models.PositiveIntegerField(default=0, editable=False, help_text="in a row")),
                ("last_error", models.TextField(blank=True, default="", editable=False)),
                ("last_error_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("verified_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "verbose_name": "connection",
                "verbose_name_plural": "connections",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("channel",),
                        name="messaging_one_default",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "E-mail")], default="email", max_length=10, verbose_name="channel"
                    ),
                ),
                (
                    "is_transactional",
                    models.BooleanField(
                        default=False,
                        help_text="An answer to something the contact did: an order, a password. It ignores unsubscribing.",
                        verbose_name="transactional",
                    ),
                ),
                (
                    "default_language",
                    models.CharField(default="en", max_length=35, verbose_name="default language"),
                ),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=100),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="tags",
                    ),
                ),
                ("utm", models.JSONField(blank=True, default=dict)),
                ("tracks_opens", models.BooleanField(default=True, verbose_name="track opens")),
                ("tracks_clicks", models.BooleanField(default=True, verbose_name="track clicks")),
                (
                    "state",
                    models.CharField(
                        choices=[("draft", "Draft"), ("ready", "Ready"), ("archived", "Archived")],
                        default="draft",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("created_at", models.DateTimeField(editable=False, verbose_name="created")),
                ("updated_at", models.DateTimeField(editable=False, verbose_name="changed")),
                (
                    "categories",
                    models.ManyToManyField(
                        blank=True, to="contacts.subscriptioncategory", verbose_name="subscription categories"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "message",
                "verbose_name_plural": "messages",
                "permissions": [
                    ("send_test", "Can send tests"),
                    ("mark_transactional", "Can mark messages transactional"),
                ],
            },
        ),
        migrations.CreateModel(
            name="MessageRevision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("content", models.JSONField(default=dict)),
                ("compiled", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(verbose_name="created")),
                (
                    "author",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="revisions",
                        to="messaging.message",
                    ),
                ),
            ],
            options={
                "verbose_name": "revision",
                "verbose_name_plural": "revisions",
            },
        ),
        migrations.AddField(
            model_name="message",
            name="revision",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="messaging.messagerevision",
            ),
        ),
        migrations.CreateModel(
            name="Link",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("language", models.CharField(max_length=35)),
                ("number", models.PositiveSmallIntegerField()),
                ("url", models.TextField()),
                ("is_tracked", models.BooleanField(default=True)),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="links",
                        to="messaging.messagerevision",
                    ),
                ),
            ],
            options={
                "verbose_name": "link",
                "verbose_name_plural": "links",
            },
        ),
        migrations.CreateModel(
            name="RateBucket",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=40)),
                ("seconds", models.PositiveIntegerField(help_text="the period of the limit")),
                ("tokens", models.FloatField()),
                ("filled_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "rate",
                "verbose_name_plural": "rates",
                "constraints": [
                    models.UniqueConstraint(fields=("key", "seconds"), name="messaging_bucket_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("address", models.EmailField(max_length=254, verbose_name="address")),
                (
                    "reply_to",
                    models.EmailField(blank=True, default="", max_length=254, verbose_name="replies go to"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("unconfirmed", "Unconfirmed"), ("confirmed", "Confirmed")],
                        default="unconfirmed",
                        max_length=12,
                        verbose_name="state",
                    ),
                ),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
                (
                    "connection",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the default connection.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="messaging.connection",
                        verbose_name="connection",
                    ),
                ),
            ],
            options={
                "verbose_name": "sender",
                "verbose_name_plural": "senders",
            },
        ),
        migrations.AddField(
            model_name="message",
            name="sender",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the default sender.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="messaging.sender",
                verbose_name="sender",
            ),
        ),
        migrations.AddConstraint(
            model_name="messagerevision",
            constraint=models.UniqueConstraint(
                fields=("message", "number"), name="messaging_revision_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(
                fields=("revision", "language", "number"), name="messaging_link_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="sender",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="messaging_one_default_sender",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["-updated_at", "-id"], name="messaging_message_updated"),
        ),
    ]
