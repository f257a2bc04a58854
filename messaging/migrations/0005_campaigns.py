import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0004_bounce_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, verbose_name="name")),
                ("include", models.JSONField(blank=True, default=list, verbose_name="included")),
                ("exclude", models.JSONField(blank=True, default=list, verbose_name="excluded")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("scheduled", "Scheduled"),
                            ("preparing", "Preparing"),
                            ("sending", "Sending"),
                            ("paused", "Paused"),
                            ("finished", "Finished"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="draft",
                        editable=False,
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.TextField(blank=True, default="", editable=False, verbose_name="reason")),
                (
                    "starts_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="Empty: as soon as it is started.",
                        null=True,
                        verbose_name="start",
                    ),
                ),
                (
                    "in_contact_zone",
                    models.BooleanField(
                        default=False,
                        help_text="Each contact gets it when the clock of their own zone shows the start.",
                        verbose_name="at this local time of each contact",
                    ),
                ),
                (
                    "zone_late",
                    models.CharField(
                        choices=[("now", "at once"), ("next_day", "the next day")],
                        default="now",
                        max_length=8,
                        verbose_name="where that time has passed",
                    ),
                ),
                (
                    "rate",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: as fast as it goes.", null=True, verbose_name="at most"
                    ),
                ),
                (
                    "rate_seconds",
                    models.PositiveIntegerField(
                        choices=[(60, "minute"), (3600, "hour"), (86400, "day")],
                        default=3600,
                        verbose_name="per",
                    ),
                ),
                ("planned_through", models.BigIntegerField(default=0, editable=False)),
                ("planned_count", models.BigIntegerField(default=0, editable=False)),
                ("audience_count", models.BigIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(editable=False, verbose_name="created")),
                ("updated_at", models.DateTimeField(editable=False, verbose_name="changed")),
                ("started_at", models.DateTimeField(editable=False, null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(editable=False, null=True, verbose_name="finished")),
                ("checked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaigns",
                        to="messaging.message",
                        verbose_name="message",
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
                "verbose_name": "campaign",
                "verbose_name_plural": "campaigns",
                "permissions": [("launch_campaign", "Can start campaigns")],
            },
        ),
        migrations.CreateModel(
            name="CampaignAudience",
            fields=[
                (
                    "campaign",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="audience",
                        serialize=False,
                        to="messaging.campaign",
                    ),
                ),
                ("members", models.BinaryField()),
            ],
            options={
                "verbose_name": "audience",
                "verbose_name_plural": "audiences",
            },
        ),
        migrations.AddIndex(
            model_name="campaign",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["scheduled", "preparing", "sending", "paused", "cancelled"])
                ),
                fields=["state", "id"],
                name="messaging_campaign_open",
            ),
        ),
    ]
