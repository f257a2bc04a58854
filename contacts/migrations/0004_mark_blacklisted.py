"""Remembers which addresses are blacklisted beside their status."""

from django.db import migrations


def mark(apps, schema_editor):
    apps.get_model("contacts", "Address").objects.filter(status="blacklisted").update(is_blacklisted=True)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0003_address_ladder")]
    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
