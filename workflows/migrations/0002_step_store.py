"""Creates the partitioned table of launch steps, and the guard that keeps published versions as they are."""

from datetime import UTC, datetime

from django.db import migrations

from workflows.partitions import ensure_partitions

CREATE = """
CREATE SEQUENCE workflows_runstep_id_seq AS bigint;
CREATE TABLE workflows_runstep (
    id bigint NOT NULL DEFAULT nextval('workflows_runstep_id_seq'),
    run_id bigint NOT NULL,
    person_id bigint NOT NULL,
    version_id bigint NOT NULL,
    delivery_id bigint,
    entered_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    number integer NOT NULL,
    node text NOT NULL,
    result text NOT NULL,
    output text NOT NULL DEFAULT '',
    detail jsonb,
    PRIMARY KEY (run_id, number, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE workflows_runstep_id_seq OWNED BY workflows_runstep.id;
CREATE INDEX workflows_runstep_person ON workflows_runstep (person_id, at);
"""
FREEZE = """
CREATE FUNCTION workflows_keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published version of a workflow never changes' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER workflows_version_frozen BEFORE UPDATE ON workflows_workflowversion
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION workflows_keep_version();
"""
THAW = """
DROP TRIGGER workflows_version_frozen ON workflows_workflowversion;
DROP FUNCTION workflows_keep_version();
"""


def first_partitions(apps, schema_editor):
    ensure_partitions(connection=schema_editor.connection, now=datetime.now(UTC))


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE workflows_runstep"),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
        migrations.RunSQL(FREEZE, THAW),
        # From here on Django may manage the table (flush, alter); it just could not have created it partitioned.
        migrations.AlterModelOptions("runstep", {"verbose_name": "step", "verbose_name_plural": "steps"}),
    ]
