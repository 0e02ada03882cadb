"""The Pipeline page."""

from django.urls import path

from uptime import views_pipeline

app_name = "pipeline"
urlpatterns = [
    path("", views_pipeline.page, name="page"),
    path("parts", views_pipeline.parts, name="parts"),
    path("letters", views_pipeline.letters, name="letters"),
    path("banner", views_pipeline.banner, name="banner"),
]
