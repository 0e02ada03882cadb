"""REST addresses of incidents."""

from django.urls import path

from incidents import api, api_maintenance

urlpatterns = [
    path("api/v2/incidents", api.Incidents.as_view(), name="api_incidents"),
    path("api/v2/incidents/<str:id>", api.OneIncident.as_view(), name="api_incident"),
    path("api/v2/incidents/<str:id>/acknowledge", api.Acknowledge.as_view(), name="api_incident_acknowledge"),
    path("api/v2/incidents/<str:id>/resolve", api.Resolve.as_view(), name="api_incident_resolve"),
    path("api/v2/incidents/<str:id>/reopen", api.Reopen.as_view(), name="api_incident_reopen"),
    path("api/v2/incidents/<str:id>/timeline", api.Timeline.as_view(), name="api_incident_timeline"),
    path("api/v2/incidents/<str:id>/comments", api.Comments.as_view(), name="api_incident_comments"),
    path("api/v2/maintenances", api_maintenance.Maintenances.as_view(), name="api_maintenances"),
    path("api/v2/maintenances/start", api_maintenance.StartMaintenance.as_view(), name="api_maintenance_start"),
    path("api/v2/maintenances/<str:id>", api_maintenance.OneMaintenance.as_view(), name="api_maintenance"),
    path("api/v2/maintenances/<str:id>/end", api_maintenance.EndMaintenance.as_view(), name="api_maintenance_end"),
    path("api/v3/incidents", api.IncidentsV3.as_view(), name="api_incidents_v3"),
    path("api/v3/incidents/<str:id>", api.OneIncidentV3.as_view(), name="api_incident_v3"),
    path("api/v3/incidents/<str:id>/acknowledge", api.AcknowledgeV3.as_view(), name="api_incident_acknowledge_v3"),
    path("api/v3/incidents/<str:id>/resolve", api.ResolveV3.as_view(), name="api_incident_resolve_v3"),
    path("api/v3/incidents/<str:id>/reopen", api.ReopenV3.as_view(), name="api_incident_reopen_v3"),
    path("api/v3/incidents/<str:id>/timeline", api.TimelineV3.as_view(), name="api_incident_timeline_v3"),
]
