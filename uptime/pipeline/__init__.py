"""Looking in: the state of every part of the pipeline, for the page, `manage.py doctor`, /metrics and the heartbeat.

`reading`, `reading_alerts` and `broker` ask the servers, `flow`, `telling` and `storage` say what the answers mean,
`gather` puts it together.
"""
