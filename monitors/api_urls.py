"""REST addresses of monitors, and of the reference."""

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from monitors import api, api_checks, api_clones, api_heartbeats, api_history, api_tests
from uptime.api import docs

urlpatterns = [
    path("website", api_clones.Websites.as_view(), name="website"),
    path("status/<str:id>", api_clones.Status.as_view(), name="website_status"),
    path("api/v2/monitors", api.Monitors.as_view(), name="api_monitors"),
    path("api/v2/monitors/<str:id>", api.OneMonitor.as_view(), name="api_monitor"),
    path("api/v2/monitors/<str:id>/sla", api_history.MonitorSla.as_view(), name="api_monitor_sla"),
    path(
        "api/v2/monitors/<str:id>/response-times",
        api_history.MonitorResponseTimes.as_view(),
        name="api_monitor_response_times",
    ),
    path("api/v2/monitors/<str:id>/checks", api_checks.MonitorChecks.as_view(), name="api_monitor_checks"),
    path(
        "api/v2/monitors/<str:id>/checks/<slug:region>/<int:slot>",
        api_checks.MonitorCheck.as_view(),
        name="api_monitor_check",
    ),
    path("api/v2/heartbeats", api_heartbeats.Heartbeats.as_view(), name="api_heartbeats"),
    path("api/v2/heartbeats/<str:id>", api_heartbeats.OneHeartbeat.as_view(), name="api_heartbeat"),
    path("api/v2/tests", api_tests.Tests.as_view(), name="api_tests"),
    path("api/v2/tests/<str:id>", api_tests.OneTest.as_view(), name="api_test"),
    path("api/schema", SpectacularJSONAPIView.as_view(permission_classes=[]), name="schema"),
    path("api/docs", docs, name="api_docs"),
]
