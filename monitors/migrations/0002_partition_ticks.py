"""Turn the tables of ticks and of five-minute roll-ups into ones partitioned by day; Django cannot say that."""

from datetime import UTC, datetime

from django.db import migrations

from monitors.services.partitions import ensure_partitions

PARTITION = """
ALTER TABLE {table} RENAME TO {table}_plain;
CREATE TABLE {table} (
    LIKE {table}_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (monitor_id, region_id, {key})
) PARTITION BY RANGE ({key});
DROP TABLE {table}_plain;
"""
# Whether a region is believed depends on who saw what down, or could not look, in the last minute: an index of those
# alone, which are few, costs next to nothing to keep.
TELLING = "CREATE INDEX monitors_tick_telling ON monitors_tick (slot) WHERE vote = 'down' OR reason = 'local_error'"


def first_partitions(apps, schema_editor):
    ensure_partitions(datetime.now(UTC).date())


class Migration(migrations.Migration):
    dependencies = [("monitors", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITION.format(table="monitors_tick", key="slot"), migrations.RunSQL.noop),
        migrations.RunSQL(TELLING, migrations.RunSQL.noop),
        migrations.RunSQL(PARTITION.format(table="monitors_fiveminuterollup", key="start"), migrations.RunSQL.noop),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
