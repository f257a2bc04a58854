"""Creates the partitioned tables of deliveries and message activity with their first partitions."""

from datetime import UTC, datetime

from django.db import migrations

from messaging.partitions import ensure_partitions

CREATE = """
CREATE SEQUENCE messaging_delivery_id_seq AS bigint;
CREATE TABLE messaging_delivery (
    id bigint NOT NULL DEFAULT nextval('messaging_delivery_id_seq'),
    contact_id bigint NOT NULL,
    message_id bigint NOT NULL,
    revision_id bigint NOT NULL,
    cause_id bigint NOT NULL,
    connection_id bigint,
    sender_id bigint,
    not_before timestamptz NOT NULL,
    planned_at timestamptz NOT NULL,
    expires_at timestamptz,
    lease_until timestamptz,
    handed_at timestamptz,
    sent_at timestamptz,
    delivered_at timestamptz,
    opened_at timestamptz,
    clicked_at timestamptz,
    unsubscribed_at timestamptz,
    complained_at timestamptz,
    failed_at timestamptz,
    cause_month date NOT NULL,
    priority smallint NOT NULL DEFAULT 2,
    attempts smallint NOT NULL DEFAULT 0,
    is_transactional boolean NOT NULL DEFAULT false,
    is_test boolean NOT NULL DEFAULT false,
    claim_token uuid,
    cause_kind text NOT NULL,
    slot text NOT NULL DEFAULT '',
    endpoint text NOT NULL,
    language text NOT NULL DEFAULT '',
    channel text NOT NULL DEFAULT 'email',
    state text NOT NULL DEFAULT 'planned',
    reason text NOT NULL DEFAULT '',
    worker text NOT NULL DEFAULT '',
    provider_id text NOT NULL DEFAULT '',
    message_id_header text NOT NULL DEFAULT '',
    subject text NOT NULL DEFAULT '',
    last_error text NOT NULL DEFAULT '',
    context jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (id, cause_month),
    CONSTRAINT messaging_delivery_once UNIQUE (cause_month, cause_kind, cause_id, slot, endpoint)
) PARTITION BY RANGE (cause_month);
ALTER SEQUENCE messaging_delivery_id_seq OWNED BY messaging_delivery.id;
CREATE INDEX messaging_delivery_due ON messaging_delivery (connection_id, priority, not_before, id)
    WHERE state = 'planned';
CREATE INDEX messaging_delivery_lease ON messaging_delivery (lease_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX messaging_delivery_contact ON messaging_delivery (contact_id, planned_at, id);
CREATE INDEX messaging_delivery_endpoint ON messaging_delivery (endpoint, planned_at);
CREATE INDEX messaging_delivery_planned ON messaging_delivery (planned_at, id);
CREATE INDEX messaging_delivery_trouble ON messaging_delivery (state, planned_at, id)
    WHERE state IN ('skipped', 'failed', 'unknown', 'cancelled');

CREATE SEQUENCE messaging_activity_id_seq AS bigint;
CREATE TABLE messaging_activity (
    id bigint NOT NULL DEFAULT nextval('messaging_activity_id_seq'),
    at timestamptz NOT NULL,
    person_id bigint NOT NULL,
    delivery_id bigint NOT NULL,
    cause_id bigint NOT NULL,
    message_id bigint NOT NULL,
    link_id bigint,
    cause_month date NOT NULL,
    cause_kind text NOT NULL,
    channel text NOT NULL DEFAULT 'email',
    kind text NOT NULL,
    machine text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    source_key text NOT NULL DEFAULT '',
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
ALTER SEQUENCE messaging_activity_id_seq OWNED BY messaging_activity.id;
CREATE INDEX messaging_activity_person ON messaging_activity (person_id, at);
CREATE INDEX messaging_activity_kind ON messaging_activity (kind, at, person_id);
CREATE INDEX messaging_activity_delivery ON messaging_activity (delivery_id);
CREATE INDEX messaging_activity_cause ON messaging_activity (cause_kind, cause_id, kind, at);
"""


def first_partitions(apps, schema_editor):
    ensure_partitions(connection=schema_editor.connection, now=datetime.now(UTC), retention_days=730)


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]
    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE messaging_delivery; DROP TABLE messaging_activity"),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
        # From here on Django may manage the tables (flush, alter); it just could not have created them partitioned.
        migrations.AlterModelOptions(
            "delivery", {"verbose_name": "delivery", "verbose_name_plural": "deliveries"}
        ),
        migrations.AlterModelOptions(
            "activity", {"verbose_name": "activity", "verbose_name_plural": "activities"}
        ),
    ]
