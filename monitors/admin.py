"""The operator's view of monitors, regions and what could not be stored.

What needs rules to be changed (address, options, regions) is read-only here and links to the dashboard's own form;
pausing, checking and deleting go through `uptime.actions` like everywhere else. Secrets and region keys are never
shown, not even encrypted.
"""

import json
from datetime import timedelta

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django_celery_beat import models as beat
from django_celery_beat.admin import PeriodicTaskAdmin

from monitors.models import (
    DeadLetter,
    Evidence,
    Heartbeat,
    IngestGap,
    Monitor,
    Region,
    RegionTrouble,
    RegionWorker,
    Schedule,
    State,
    Tick,
)
from uptime import actions

TICKS_SHOWN = 200


class ReadOnly:
    """Facts: to be looked at, never added, changed or deleted by hand."""

    def has_add_permission(self, request, *args):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class DeletedFilter(admin.SimpleListFilter):
    """Deleted monitors stay out of sight until asked for."""

    title = "existence"
    parameter_name = "deleted"

    def lookups(self, request, model_admin):
        return [("yes", "Deleted"), ("all", "All")]

    def choices(self, changelist):
        default, *others = super().choices(changelist)
        return [{**default, "display": "Existing"}, *others]

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "yes")


class ScheduleInline(ReadOnly, admin.TabularInline):
    model = Schedule
    can_delete = False
    fields = ("next_slot_at",)


class HeartbeatInline(ReadOnly, admin.TabularInline):
    """What is known of a heartbeat's pings; its addresses are secrets of its team."""

    model = Heartbeat
    can_delete = False
    fields = ("pings", "last_ping_at", "due_at", "look_at", "expected_from")


class StateInline(ReadOnly, admin.StackedInline):
    model = State
    can_delete = False
    fields = (
        ("status", "since"),
        ("verdict", "streak", "streak_first"),
        ("last_checked_at", "last_vote", "last_reason", "last_response_ms"),
        "last_detail",
        ("last_decided", "judged_until", "sweep_at"),
        ("undecided", "undecided_first", "partial", "degraded", "late_outcomes"),
        ("flapping_since", "turns"),
    )


@admin.register(Monitor)
class MonitorAdmin(admin.ModelAdmin):
    list_display = ["name", "status", "kind", "every", "team", "last_check", "target_short"]
    list_filter = ["state__status", "kind", "paused", DeletedFilter]
    list_select_related = ["state", "team"]
    list_per_page = 50
    search_fields = ["name", "target", "team__name", "created_by__username"]
    search_help_text = "Name, address, team or who made it"
    actions = ["pause", "resume", "check_now", "restore"]
    inlines = [StateInline, ScheduleInline, HeartbeatInline]
    fieldsets = [
        (None, {"fields": ["name", "kind", "target", "team", "created_by", "links"]}),
        ("When", {"fields": ["interval", "timeout_ms", "paused"]}),
        (
            "Regions and verdict",
            {
                "fields": [
                    "region_list",
                    ("quorum", "at_least"),
                    ("confirm", "confirmation_period"),
                    ("recover", "recovery_period"),
                    "when_blind",
                ]
            },
        ),
        ("Options", {"fields": ["option_list"]}),
        ("Record", {"fields": ["config_version", "created_at", "updated_at", "deleted_at"]}),
    ]

    def has_add_permission(self, request):
        return False  # the dashboard's form knows the rules of each kind

    def has_change_permission(self, request, obj=None):
        return False

    def has_operate_permission(self, request):
        """May pause, resume, check and restore; `change` is refused to everybody, so that fields stay read-only."""
        return request.user.has_perm("monitors.change_monitor")

    # Columns and fields

    @admin.display(ordering="state__status")
    def status(self, monitor):
        return monitor.state.get_status_display()

    @admin.display(ordering="interval", description="every")
    def every(self, monitor):
        return f"{monitor.interval} s"

    @admin.display(ordering="state__last_checked_at")
    def last_check(self, monitor):
        return monitor.state.last_checked_at

    @admin.display(ordering="target", description="target")
    def target_short(self, monitor):
        return Truncator(monitor.target).chars(60)

    @admin.display(description="regions")
    def region_list(self, monitor):
        return ", ".join(region.name for region in monitor.regions.all()) or "none"

    @admin.display(description="options")
    def option_list(self, monitor):
        """Each option on its line; the secret ones live in another field, and only their names are told."""
        told = [(name, value) for name, value in sorted(monitor.options.items())]
        told += [(name, "••• (secret)") for name, value in sorted((monitor.secrets or {}).items()) if value]
        return format_html_join("", "<div>{}: {}</div>", told) if told else "the defaults"

    @admin.display(description="elsewhere")
    def links(self, monitor):
        links = []
        if monitor.probed:
            links.append((reverse("admin:monitors_monitor_ticks", args=[monitor.pk]), f"Latest {TICKS_SHOWN} ticks"))
        if monitor.deleted_at is None:
            links.append((reverse("monitors:detail", args=[monitor.pk]), "Dashboard (members of its team)"))
            links.append((reverse("monitors:edit", args=[monitor.pk]), "Edit (members of its team)"))
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    # Actions

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request, queryset):
        self._each(request, queryset.filter(paused=False, deleted_at=None), actions.pause, "Paused")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request, queryset):
        self._each(request, queryset.filter(paused=True, deleted_at=None), actions.resume, "Resumed")

    @admin.action(description="Check now", permissions=["operate"])
    def check_now(self, request, queryset):
        self._each(request, queryset.filter(paused=False, deleted_at=None), actions.check_now, "Checked now")

    @admin.action(description="Restore deleted", permissions=["operate"])
    def restore(self, request, queryset):
        self._each(request, queryset.exclude(deleted_at=None), actions.restore, "Restored")

    def _each(self, request, monitors, act, word):
        """Runs `act` on each; one that answers False had nothing to do and is not counted."""
        done = [monitor for monitor in monitors if act(monitor) is not False]
        for monitor in done:
            self.log_change(request, monitor, word)
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, f"{word}: {', '.join(map(str, done[:10])) or 'nothing'}" + _more(done), level)

    # Deleting is soft: it can be restored, so the page names the monitors and not everything that hangs on them

    def get_deleted_objects(self, objs, request):
        allowed = self.has_delete_permission(request)
        return list(map(str, objs)), {"monitors": len(objs)}, set() if allowed else {"monitor"}, []

    def delete_model(self, request, obj):
        actions.delete(obj)

    def delete_queryset(self, request, queryset):
        for monitor in queryset.filter(deleted_at=None):
            actions.delete(monitor)

    # Ticks have a composite key, which the admin cannot register; they are read from their monitor

    def get_urls(self):
        ticks = self.admin_site.admin_view(self.ticks_view)
        return [path("<int:pk>/ticks/", ticks, name="monitors_monitor_ticks"), *super().get_urls()]

    def ticks_view(self, request, pk):
        monitor = self.get_queryset(request).select_related("state").filter(pk=pk).first()
        if monitor is None:
            raise Http404("No such monitor.")
        if not self.has_view_permission(request, monitor):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": f"Latest ticks of {monitor}",
            "opts": self.opts,
            "original": monitor,
            "ticks": latest_ticks(monitor),
        }
        return render(request, "admin/monitors/monitor/ticks.html", context)


def latest_ticks(monitor):
    """The newest ticks, [(tick, region name)]. Bounded in time as well, so that few partitions are read."""
    end = monitor.state.last_slot or timezone.now()
    start = end - timedelta(seconds=TICKS_SHOWN * monitor.interval)
    found = Tick.objects.filter(monitor=monitor, slot__gte=start, slot__lte=end).order_by("-slot", "region_id")
    names = dict(Region.objects.values_list("pk", "name"))
    return [(tick, names.get(tick.region_id, "a removed region")) for tick in found[:TICKS_SHOWN]]


class WorkerInline(ReadOnly, admin.TabularInline):
    model = RegionWorker
    can_delete = False
    fields = ("name", "version", "started_at", "heard_at", "in_flight", "lag_ms", "clock_ms", "canaries")


@admin.register(Region)
class RegionAdmin(admin.ModelAdmin):
    """A name may be changed; adding and removing need rules: `manage.py region` and the regions page do it."""

    list_display = ["slug", "name", "heard", "enabled", "same_machine", "created_at"]
    list_filter = ["enabled", "same_machine"]
    search_fields = ["slug", "name"]
    fields = ["slug", "name", "enabled", "same_machine", "created_at"]
    readonly_fields = ["slug", "enabled", "same_machine", "created_at"]
    inlines = [WorkerInline]

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("workers")

    @admin.display(description="online", boolean=True)
    def heard(self, region):
        silent = timedelta(seconds=settings.REGION_OFFLINE_AFTER)
        return any(timezone.now() - worker.heard_at <= silent for worker in region.workers.all())


@admin.register(RegionTrouble)
class RegionTroubleAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["region", "kind", "start", "end", "detail"]
    list_filter = [("end", admin.EmptyFieldListFilter), "kind", "region", "start"]
    list_select_related = ["region"]
    fields = ["region", "kind", ("start", "end"), ("doubted_from", "clean_since"), "detail"]


@admin.register(IngestGap)
class IngestGapAdmin(ReadOnly, admin.ModelAdmin):
    """When we could not take pings, so that nobody was called down for it."""

    list_display = ["start", "end"]


@admin.register(Evidence)
class EvidenceAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["monitor", "place", "vote", "slot", "run"]
    list_filter = ["vote", "slot"]
    list_select_related = ["monitor"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["monitor__name", "monitor__target"]
    fields = [("monitor", "place"), ("slot", "vote", "run"), "pretty"]

    @admin.display(description="region")
    def place(self, evidence):
        names = Region.objects.filter(pk=evidence.region_id).values_list("name", flat=True)
        return names.first() or "a removed region"

    @admin.display(description="bundle")
    def pretty(self, evidence):
        return format_html("<pre>{}</pre>", json.dumps(evidence.bundle, indent=1, ensure_ascii=False))


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["received_at", "region", "kind", "error_short", "tries"]
    list_filter = ["kind", "region", "received_at"]
    search_fields = ["error", "region"]
    fields = ["received_at", "region", "kind", "error", "tries", "tried_at", "payload"]
    actions = ["replay"]

    def has_operate_permission(self, request):
        """May replay; `change` is refused to everybody, so that fields stay read-only."""
        return request.user.has_perm("monitors.change_deadletter")

    @admin.action(description="Replay", permissions=["operate"])
    def replay(self, request, queryset):
        done, failed = actions.replay(queryset)
        level = messages.WARNING if failed or not done else messages.SUCCESS
        self.message_user(request, f"Replayed: {done} stored and gone, {failed} still not stored", level)

    @admin.display(description="error")
    def error_short(self, letter):
        return Truncator(letter.error).chars(100)


# Beat's entries come from code and are written anew at each release: to be seen here, and run at once, not edited.
for model in (beat.PeriodicTask, beat.IntervalSchedule, beat.CrontabSchedule, beat.SolarSchedule, beat.ClockedSchedule):
    admin.site.unregister(model)


@admin.register(beat.PeriodicTask)
class BeatEntryAdmin(ReadOnly, PeriodicTaskAdmin):
    list_display = ["name", "task", "interval", "queue", "enabled", "last_run_at", "total_run_count"]
    list_filter = ["enabled"]
    date_hierarchy = None
    actions = ["run_tasks"]
    fieldsets = [
        (None, {"fields": ["name", "task", "interval", "queue", "expire_seconds", "enabled"]}),
        ("Record", {"fields": ["last_run_at", "total_run_count", "date_changed", "description"]}),
    ]
    change_form_template = None  # theirs has a script inside the page, which our policy forbids


def _more(done):
    return f" and {len(done) - 10} more" if len(done) > 10 else ""
