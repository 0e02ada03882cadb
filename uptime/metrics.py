"""The pipeline in Prometheus' text format: the figures of one gathering, under the names docs/metrics.md lists."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from uptime.lib.version import VERSION
from uptime.pipeline.parts import Figure, Severity, Snapshot, Unit

METRICS = {  # name: what it tells
    "uptime_monitors": "Monitors, by status.",
    "uptime_monitors_due": "Monitors whose next check should have been sent.",
    "uptime_monitors_overdue": "Monitors with slots that should have been accounted for.",
    "uptime_checks_sent_total": "Checks that dispatch has sent to regions.",
    "uptime_checks_missed_last_hour": "Checks that could not be sent in time, in the last hour.",
    "uptime_start_delay_seconds": "How long after its slot a check started, over the last check of up to 500 monitors.",
    "uptime_ticks_stored_total": "Results that were stored.",
    "uptime_stored_timestamp_seconds": "When a result was last stored.",
    "uptime_transitions_total": "Changes of status that were written down.",
    "uptime_outbox_waiting": "What happened and is due to be announced.",
    "uptime_outbox_held": "Changes of status held back because everything failed at once.",
    "uptime_outbox_behind_seconds": "For how long the oldest of what is due has been waiting.",
    "uptime_alerts_waiting": "Messages that are due and were not tried yet.",
    "uptime_alerts_oldest_seconds": "For how long the oldest of them has been waiting.",
    "uptime_alerts_in_flight": "Messages that are being sent.",
    "uptime_alerts_retrying": "Messages that failed and are tried again.",
    "uptime_alerts_given_up_last_day": "Messages given up in the last 24 hours.",
    "uptime_alerts_last_sent_timestamp_seconds": "When a message last got through.",
    "uptime_alerts_total": "What became of messages, by kind of channel; each attempt that failed counts.",
    "uptime_channels_failing": "Channels whose last message did not get through.",
    "uptime_channels_switched_off": "Channels we have switched off, because their provider wants nothing more.",
    "uptime_heartbeats": "Jobs that are expected to report in.",
    "uptime_heartbeats_late": "Of those, whose time has come and who are not judged yet.",
    "uptime_heartbeats_judge_lag_seconds": "For how long the oldest of them has been waiting for that.",
    "uptime_pings_last_minute": "Pings of jobs in the last minute.",
    "uptime_ingest_gaps_last_day": "Times in the last 24 hours in which no ping could be taken.",
    "uptime_ingest_timestamp_seconds": "When we last could ping ourselves the way jobs do.",
    "uptime_dead_letters": "Messages and outcomes that could not be stored.",
    "uptime_beat_last_timestamp_seconds": "When beat last gave a word.",
    "uptime_task_last_timestamp_seconds": "When a periodic task last succeeded.",
    "uptime_task_seconds": "How long its last run took.",
    "uptime_queue_messages": "Messages waiting, by queue.",
    "uptime_results_read_timestamp_seconds": "Everything regions sent before this moment has been stored.",
    "uptime_results_behind_seconds": "How long ago that was.",
    "uptime_region_workers": "Workers of a region that are alive.",
    "uptime_region_in_flight": "Checks under way in a region.",
    "uptime_region_last_heard_timestamp_seconds": "When a worker of a region last gave a sign of life.",
    "uptime_region_clock_seconds": "How far the clock of a region's worker is ahead of the centre's, the worst one.",
    "uptime_region_engine_lag_seconds": "How far the engine of a region's worker is behind itself, the worst one.",
    "uptime_region_troubles": "What is known to be wrong with a region at the moment.",
    "uptime_partitions": "Days a table has a partition for.",
    "uptime_partitions_ahead": "Of those, days after today that follow without a hole.",
    "uptime_partitions_bytes": "Size of a table that is kept by day.",
    "uptime_archive_days": "Days of ticks in the archive, where there is one.",
    "uptime_archive_failed_days": "Days that could not be archived so far.",
    "uptime_archive_timestamp_seconds": "When everything due had last been archived.",
    "uptime_database_up": "Whether the database answers.",
    "uptime_database_connect_seconds": "How long a new connection to the database takes.",
    "uptime_database_bytes": "Size of the database.",
    "uptime_database_connections": "Connections to the database server.",
    "uptime_database_longest_transaction_seconds": "How long the oldest transaction has been open.",
    "uptime_broker_up": "Whether the broker answers.",
    "uptime_cache_up": "Whether the cache answers, where it is another server.",
    "uptime_memory_bytes": "Memory used by broker and cache.",
    "uptime_disk_free_bytes": "Free space on the disk of DATA_DIR, where the embedded servers use it.",
    "uptime_heartbeat_timestamp_seconds": "When HEARTBEAT_URL last answered.",
    "uptime_problems": "Problems and warnings, by part.",
    "uptime_build_info": "The version of the centre.",
}


def exposition(snapshot: Snapshot) -> bytes:
    registry = CollectorRegistry()
    registry.register(Pipeline(snapshot))
    return generate_latest(registry)


class Pipeline(Collector):
    """One gathering as metrics."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for part in self._snapshot.parts:
            for figure in part.figures:
                if figure.metric and figure.value is not None:
                    _family(families, figure).add_metric([value for _, value in figure.labels], _number(figure))
        yield from families.values()
        yield self._problems()
        yield InfoMetricFamily("uptime_build", METRICS["uptime_build_info"], {"version": VERSION})

    def _problems(self) -> Metric:
        family = GaugeMetricFamily("uptime_problems", METRICS["uptime_problems"], labels=["part", "severity"])
        for part in self._snapshot.parts:
            for severity in Severity:
                count = sum(problem.severity == severity for problem in part.problems)
                family.add_metric([part.key, severity.value], count)
        return family


def _family(families: dict, figure: Figure) -> GaugeMetricFamily | CounterMetricFamily:
    if figure.metric not in families:
        kind = CounterMetricFamily if figure.metric.endswith("_total") else GaugeMetricFamily
        labels = [name for name, _ in figure.labels]
        families[figure.metric] = kind(figure.metric, METRICS[figure.metric], labels=labels)
    return families[figure.metric]


def _number(figure: Figure) -> float:
    """In base units: seconds, bytes, seconds since the epoch."""
    if isinstance(figure.value, datetime):
        return figure.value.timestamp()
    return float(figure.value or 0) / (1000 if figure.unit == Unit.MILLISECONDS else 1)
