"""Every address of the product. Each app owns its pages (urls) and its REST endpoints (api_urls)."""

from django.contrib import admin
from django.urls import include, path

from uptime import views_app, views_metrics

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("accounts.api_urls")),
    path("", include("monitors.api_urls")),
    path("", include("incidents.api_urls")),
    path("", include("alerts.api_urls")),
    path("", include("monitors.urls")),
    path("", include("incidents.urls")),
    path("", include("alerts.urls")),
    path("pipeline/", include("uptime.urls_pipeline")),
    path("metrics", views_metrics.metrics, name="metrics"),
    path("manifest.webmanifest", views_app.manifest, name="manifest"),
    path("service-worker.js", views_app.service_worker, name="service_worker"),
    path("offline", views_app.offline, name="offline"),
    path("admin/", admin.site.urls),
]
handler404 = "uptime.views.page_not_found"
handler500 = "uptime.views.server_error"
