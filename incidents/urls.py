"""Pages of incidents."""

from django.urls import path

from incidents import views

app_name = "incidents"
urlpatterns = [
    path("incidents", views.index, name="list"),
    path("incidents/rows", views.rows, name="rows"),
    path("incidents/<int:pk>", views.detail, name="detail"),
    path("incidents/<int:pk>/summary", views.summary, name="summary"),
]
