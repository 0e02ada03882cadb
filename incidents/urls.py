"""Pages of incidents."""

from django.urls import path

from incidents import views, views_acts, views_maintenance, views_maintenance_links

app_name = "incidents"
urlpatterns = [
    path("incidents", views.index, name="list"),
    path("incidents/rows", views.rows, name="rows"),
    path("incidents/add", views_acts.add, name="add"),
    path("incidents/bulk", views_acts.bulk, name="bulk"),
    path("incidents/<int:pk>", views.detail, name="detail"),
    path("incidents/<int:pk>/summary", views.summary, name="summary"),
    path("incidents/<int:pk>/acknowledge", views_acts.acknowledge, name="acknowledge"),
    path("incidents/<int:pk>/resolve", views_acts.resolve, name="resolve"),
    path("incidents/<int:pk>/reopen", views_acts.reopen, name="reopen"),
    path("incidents/<int:pk>/comment", views_acts.comment, name="comment"),
    path("incidents/<int:pk>/postmortem", views_acts.postmortem, name="postmortem"),
    path("incidents/<int:pk>/delete", views_acts.delete, name="delete"),
    path("maintenance", views_maintenance.index, name="maintenances"),
    path("maintenance/add", views_maintenance.add, name="maintenance_add"),
    path("maintenance/start", views_maintenance.start, name="maintenance_start"),
    path("maintenance/<int:pk>", views_maintenance.edit, name="maintenance"),
    path("maintenance/<int:pk>/end", views_maintenance.end, name="maintenance_end"),
    path("maintenance/<int:pk>/delete", views_maintenance.delete, name="maintenance_delete"),
    path("maintenance/links", views_maintenance_links.add, name="maintenance_link_add"),
    path("maintenance/links/<int:pk>/revoke", views_maintenance_links.revoke, name="maintenance_link_revoke"),
    path("maintenance/by/<str:token>", views_maintenance_links.follow, name="maintenance_link"),
    path("maintenance/by/<str:token>/end", views_maintenance_links.end, name="maintenance_link_end"),
    path("acknowledge/<str:token>", views_acts.acknowledge_link, name="acknowledge_link"),
]
