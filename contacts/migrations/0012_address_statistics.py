"""How often states occur among e-mails and among phones: without it the planner takes the two for independent."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("contacts", "0011_list_indexes")]
    operations = [
        migrations.RunSQL(
            "CREATE STATISTICS contacts_address_states (mcv) ON kind, status FROM contacts_address",
            "DROP STATISTICS contacts_address_states",
        ),
        migrations.RunSQL("ANALYZE contacts_address", migrations.RunSQL.noop),
    ]
