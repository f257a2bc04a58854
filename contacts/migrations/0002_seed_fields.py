"""Gives a new account its first field groups. Two groups of two fields each: the API unwraps single-element lists."""

from django.db import migrations

GROUPS = [
    (
        "Personal",
        "PERSONAL",
        [("Birthday", "BIRTHDAY", "date", [], True), ("Gender", "GENDER", "select", ["m", "f"], False)],
    ),
    (
        "Accessorial",
        "ACCESSORIAL",
        [("Company", "COMPANY", "text", [], False), ("Comment", "COMMENT", "textarea", [], False)],
    ),
]


def seed(apps, schema_editor):
    group_model = apps.get_model("contacts", "FieldGroup")
    field_model = apps.get_model("contacts", "ContactField")
    for position, (name, key, fields) in enumerate(GROUPS):
        group = group_model.objects.create(name=name, key=key, position=position)
        field_model.objects.bulk_create(
            field_model(
                group=group,
                name=title,
                key=code,
                type=kind,
                options=options,
                is_regular=regular,
                position=place,
            )
            for place, (title, code, kind, options, regular) in enumerate(fields)
        )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
