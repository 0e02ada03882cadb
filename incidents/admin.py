"""The operator's view of what went wrong: facts, read-only."""

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator

from incidents.models import Incident, Maintenance, MaintenanceLink, TimelineEntry, Transition
from monitors.admin import ReadOnly


class TimelineInline(ReadOnly, admin.TabularInline):
    model = TimelineEntry
    can_delete = False
    fields = ("at", "kind", "who", "text")


@admin.register(Incident)
class IncidentAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["title", "kind", "summary_short", "started_at", "length", "how", "team"]
    list_filter = [("resolved_at", admin.EmptyFieldListFilter), "resolution", "kind", "cause", "started_at"]
    list_select_related = ["monitor", "team"]
    search_fields = ["name", "monitor__name", "monitor__target", "summary", "team__name"]
    fields = [
        ("monitor", "team"),
        ("kind", "name", "created_by"),
        "description",
        "summary",
        "cause",
        ("started_at", "resolved_at", "length"),
        ("how", "resolved_name", "reopened_at"),
        ("flapping_since", "changes", "settled_at"),
        ("acknowledged_at", "acknowledged_name"),
        "postmortem",
        "regions",
        ("expires_at", "step"),
        "votes",
        "page",
    ]
    inlines = [TimelineInline]

    @admin.display(description="cause", ordering="summary")
    def summary_short(self, incident):
        return Truncator(incident.summary).chars(80)

    @admin.display(description="length")
    def length(self, incident):
        """Up to now while it is open, to the second."""
        length = (incident.resolved_at or timezone.now()) - incident.started_at
        return str(length).split(".", maxsplit=1)[0]

    @admin.display(description="resolution", ordering="resolution")
    def how(self, incident):
        return incident.get_resolution_display() if incident.resolved_at else "Ongoing"

    @admin.display(description="page")
    def page(self, incident):
        url = reverse("incidents:detail", args=[incident.pk])
        return format_html('<a href="{}">Dashboard (members of its team)</a>', url)


@admin.register(Transition)
class TransitionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["monitor", "from_status", "to_status", "at", "decided_at", "silent", "announced_at", "hold_until"]
    list_filter = [
        "to_status",
        "silent",
        "flapping",
        ("announced_at", admin.EmptyFieldListFilter),
        ("hold_until", admin.EmptyFieldListFilter),
        ("dropped_at", admin.EmptyFieldListFilter),
        "decided_at",
    ]
    list_select_related = ["monitor"]
    search_fields = ["monitor__name", "monitor__target"]
    fields = [
        "monitor",
        ("from_status", "to_status"),
        ("at", "decided_at"),
        ("silent", "announced_at", "created_at"),
        ("hold_until", "dropped_at", "flapping"),
        "why",
        "config_version",
    ]


@admin.register(Maintenance)
class MaintenanceAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["name", "team", "everything", "starts_at", "rule", "current_from", "current_until", "ended_at"]
    list_filter = ["everything", ("rule", admin.EmptyFieldListFilter), ("ended_at", admin.EmptyFieldListFilter)]
    list_select_related = ["team"]
    search_fields = ["name", "team__name", "monitors__name"]


@admin.register(MaintenanceLink)
class MaintenanceLinkAdmin(ReadOnly, admin.ModelAdmin):
    """The addresses themselves are shown to members of the team only. Deleting one here revokes it."""

    list_display = ["name", "team", "monitor", "created_by", "created_at", "used_at"]
    list_filter = [("used_at", admin.EmptyFieldListFilter), "created_at"]
    list_select_related = ["team", "monitor", "created_by"]
    search_fields = ["name", "team__name", "monitor__name"]

    def has_delete_permission(self, request, obj=None):
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
