"""Creates the functions that conditions compare texts and parameters with, and the sequence of passes."""

from django.db import migrations

from segments.leaves.folding import DROP_FUNCTIONS, folding_functions


def make_functions(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        cursor.execute(folding_functions(cursor.fetchone()[0]))


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("events", "0004_index_people_of_a_type")]
    operations = [
        migrations.RunPython(make_functions, migrations.RunPython.noop),
        migrations.RunSQL(migrations.RunSQL.noop, DROP_FUNCTIONS),
        migrations.RunSQL("CREATE SEQUENCE segments_pass_seq", "DROP SEQUENCE segments_pass_seq"),
    ]
