"""`manage.py run`: the same as `make run`, without installing anything."""

import os
import sys

from django.core.management.base import BaseCommand

from uptime import environment


class Command(BaseCommand):
    help = "Starts the whole of Uptime here: servers, web, workers. PORT, HOST and DATA_DIR are respected."
    requires_system_checks = []

    def handle(self, *args, **options):
        environment.forget()  # what manage.py filled in only to get this far
        os.execv(sys.executable, [sys.executable, "-m", "uptime.supervisor"])  # noqa: S606 - ourselves
