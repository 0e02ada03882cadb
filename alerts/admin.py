"""The operator's view of alerting. Secrets are never shown, not even encrypted; settings are changed on the pages."""

from django.contrib import admin

from alerts.models import Alarm, Browser, Channel, Delivery, MailTemplate, MonitorPolicy, Policy, Step
from monitors.admin import ReadOnly


@admin.register(Channel)
class ChannelAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["name", "kind", "team", "member", "enabled", "last_ok_at", "last_failed_at"]
    list_filter = ["kind", "enabled"]
    list_select_related = ["team", "member"]
    search_fields = ["name", "team__name", "member__username"]
    fields = [
        ("name", "kind"),
        ("team", "member"),
        ("severities", "fallback"),
        ("per_minute", "per_hour"),
        ("enabled", "disabled_reason", "disabled_at"),
        ("last_ok_at", "last_failed_at", "last_error"),
    ]


@admin.register(Browser)
class BrowserAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["name", "user", "created_at", "last_ok_at"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    exclude = ["secrets"]


class StepInline(ReadOnly, admin.TabularInline):
    model = Step
    can_delete = False


@admin.register(Policy)
class PolicyAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["name", "team", "is_default", "repeats", "remind_every"]
    list_filter = ["is_default"]
    list_select_related = ["team"]
    search_fields = ["name", "team__name"]
    inlines = [StepInline]


@admin.register(MailTemplate)
class MailTemplateAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["team", "event", "subject", "problem", "updated_at"]
    list_filter = ["event"]
    list_select_related = ["team"]
    search_fields = ["team__name", "subject"]


@admin.register(MonitorPolicy)
class MonitorPolicyAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["monitor", "policy", "severity"]
    list_filter = ["severity"]
    list_select_related = ["monitor", "policy"]
    search_fields = ["monitor__name"]


@admin.register(Alarm)
class AlarmAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["incident", "begun_at", "severity", "next_at"]
    list_filter = ["severity", ("next_at", admin.EmptyFieldListFilter)]
    list_select_related = ["incident__monitor"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["event", "channel_name", "team", "status", "attempts", "due_at", "finished_at", "answer"]
    list_filter = ["status", "event", "channel_kind", "due_at"]
    list_select_related = ["team"]
    search_fields = ["channel_name", "title", "team__name"]
    exclude = ["html"]
