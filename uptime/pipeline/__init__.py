"""Looking in: the state of every part of the pipeline, for the page, `manage.py doctor`, /metrics and the heartbeat.

`reading` and `broker` ask the servers, `flow` and `storage` say what the answers mean, `gather` puts it together.
"""
