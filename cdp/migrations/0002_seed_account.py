"""Makes the one account row."""

from django.db import migrations


def seed(apps, schema_editor):
    apps.get_model("cdp", "Account").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("cdp", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
