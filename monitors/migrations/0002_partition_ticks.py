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
# Whether a region is believed depends on who sees what down in the last minute: an index of the down votes alone, which
# are few, costs next to nothing to keep.
DOWN_VOTES = "CREATE INDEX monitors_tick_down ON monitors_tick (slot) WHERE vote = 'down'"


def first_partitions(apps, schema_editor):
    ensure_partitions(datetime.now(UTC).date())


class Migration(migrations.Migration):
    dependencies = [("monitors", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITION.format(table="monitors_tick", key="slot"), migrations.RunSQL.noop),
        migrations.RunSQL(DOWN_VOTES, migrations.RunSQL.noop),
        migrations.RunSQL(PARTITION.format(table="monitors_fiveminuterollup", key="start"), migrations.RunSQL.noop),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
