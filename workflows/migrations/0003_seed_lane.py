"""Gives a new account the lane of signals."""

from django.db import migrations


def seed(apps, schema_editor):
    apps.get_model("workflows", "SignalLane").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("workflows", "0002_step_store")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
