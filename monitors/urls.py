"""Pages of monitors, regions and the first steps."""

from django.urls import path

from monitors import (
    views,
    views_addresses,
    views_checks,
    views_heartbeats,
    views_regions,
    views_tests,
    views_welcome,
)

app_name = "monitors"
urlpatterns = [
    path("", views.index, name="list"),
    path("monitors/rows", views.rows, name="rows"),
    path("monitors/add", views.add, name="add"),
    path("monitors/propose", views_tests.propose, name="propose"),
    path("monitors/propose/add", views_tests.add_proposed, name="add_proposed"),
    path("monitors/schedule", views_heartbeats.preview, name="schedule"),
    path("monitors/bulk", views.bulk, name="bulk"),
    path("monitors/restore", views.restore, name="restore_all"),
    path("monitors/<int:pk>", views.detail, name="detail"),
    path("monitors/<int:pk>/summary", views.summary, name="summary"),
    path("monitors/<int:pk>/series.json", views.series, name="series"),
    path("monitors/<int:pk>/edit", views.edit, name="edit"),
    path("monitors/<int:pk>/delete", views.delete, name="delete"),
    path("monitors/<int:pk>/pause", views.act, {"verb": "pause"}, name="pause"),
    path("monitors/<int:pk>/resume", views.act, {"verb": "resume"}, name="resume"),
    path("monitors/<int:pk>/check", views.act, {"verb": "check"}, name="check"),
    path("monitors/<int:pk>/test", views_tests.test, name="test"),
    path("monitors/<int:pk>/checks/<slug:region>/<int:slot>", views_checks.one, name="one_check"),
    path("monitors/<int:pk>/pings/<int:n>", views_heartbeats.ping, name="ping"),
    path("monitors/<int:pk>/restore", views.restore, name="restore"),
    path("tests/<int:pk>", views_tests.run, name="test_run"),
    path("tests/<int:pk>/results", views_tests.results, name="test_results"),
    path("regions", views_regions.regions, name="regions"),
    path("regions/rows", views_regions.rows, name="regions_rows"),
    path("regions/<slug:slug>/edit", views_regions.edit, name="region_edit"),
    path("regions/<slug:slug>/remove", views_regions.remove, name="region_remove"),
    path("ips.txt", views_addresses.text, name="ips_text"),
    path("ips.json", views_addresses.listing, name="ips_json"),
    path("ips-by-cluster.json", views_addresses.by_cluster, name="ips_by_cluster"),
    path("welcome", views_welcome.welcome, name="welcome"),
    path("welcome/panel", views_welcome.panel, name="welcome_panel"),
    path("welcome/add", views_welcome.add, name="welcome_add"),
    path("practice", views_welcome.practice, name="practice"),
]
