from django.apps import AppConfig

from uptime.lib import sql


class MonitorsConfig(AppConfig):
    name = "monitors"
    verbose_name = "Monitors"

    def ready(self):
        sql.register()
