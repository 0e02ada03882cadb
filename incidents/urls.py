"""Pages of incidents."""

from django.urls import path

from incidents import views, views_acts

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
    path("acknowledge/<str:token>", views_acts.acknowledge_link, name="acknowledge_link"),
]
