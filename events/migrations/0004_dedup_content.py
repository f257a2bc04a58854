from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0003_seed_registry")]

    operations = [
        migrations.AddField("dedupkey", "content", models.BigIntegerField(null=True)),
    ]
