"""Turn the tick table into one partitioned by day; Django's schema editor cannot say that."""

from datetime import UTC, datetime

from django.db import migrations

from monitors.services.partitions import ensure_partitions

PARTITION = """
ALTER TABLE monitors_tick RENAME TO monitors_tick_plain;
CREATE TABLE monitors_tick (
    LIKE monitors_tick_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS,
    PRIMARY KEY (monitor_id, region_id, slot)
) PARTITION BY RANGE (slot);
DROP TABLE monitors_tick_plain;
"""


def first_partitions(apps, schema_editor):
    ensure_partitions(datetime.now(UTC).date())


class Migration(migrations.Migration):
    dependencies = [("monitors", "0001_initial")]
    operations = [
        migrations.RunSQL(PARTITION, migrations.RunSQL.noop),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
