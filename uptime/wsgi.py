"""The web application for gunicorn: `gunicorn -c python:uptime.gunicorn uptime.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")

site = get_wsgi_application()

from uptime.ingest import Ingest  # noqa: E402 - its models can be loaded only now

application = Ingest(site)
