from django.apps import AppConfig

from uptime.lib import arrays, sql


class MonitorsConfig(AppConfig):
    name = "monitors"
    verbose_name = "Monitors"

    def ready(self):
        arrays.register()
        sql.register()
