"""Users, teams and mail in Django's admin. Signing in there is signing in anywhere: one page, one set of limits."""

from allauth.account import admin as allauth_admin
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.shortcuts import redirect

from accounts import services
from accounts.forms import TimeZoneField
from accounts.models import Mail, Membership, Role, Team, User


def to_our_page(request, extra_context=None):
    """Changing the password, with its limit on guessing the current one."""
    return redirect("account_change_password")


admin.site.site_header = admin.site.site_title = "Uptime administration"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = to_our_page  # type: ignore[assignment, method-assign]
admin.site.unregister([Group, allauth_admin.EmailAddress])  # teams are our groups; an email changes with its user


class AdministratorsOnly:
    """Staff without all rights could give them to themselves here, or read links that open accounts."""

    def has_module_permission(self, request):
        return request.user.is_superuser

    def has_view_permission(self, request, obj=None):
        return request.user.is_superuser

    def has_change_permission(self, request, obj=None):
        return request.user.is_superuser

    def has_add_permission(self, request):
        return request.user.is_superuser


class UserForm(UserChangeForm):
    time_zone = TimeZoneField()


@admin.register(User)
class PeopleAdmin(AdministratorsOnly, UserAdmin):
    form = UserForm
    list_display = ["username", "email", "is_staff", "is_superuser", "is_active", "date_joined", "last_login"]
    list_filter = ["is_superuser", "is_staff", "is_active", "date_joined"]
    search_fields = ["username", "email", "id"]
    date_hierarchy = "date_joined"
    filter_horizontal = []
    readonly_fields = ["id", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "time_zone"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Facts", {"fields": ["id", "date_joined", "last_login"]}),
    ]

    def has_delete_permission(self, request, obj=None):
        return False  # their teams and monitors would be nobody's; switch the account off instead

    def get_readonly_fields(self, request, obj=None):
        """Nobody locks themselves out: so an administrator always remains."""
        own = ["is_active", "is_staff", "is_superuser"] if obj == request.user else []
        return [*super().get_readonly_fields(request, obj), *own]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        obj.ensure_team()
        if "email" in form.changed_data:
            services.change_email(obj, obj.email)


class MembershipFormSet(BaseInlineFormSet):
    def clean(self):
        super().clean()
        kept = [row for row in self.cleaned_data if row and not row.get("DELETE")] if self.is_valid() else None
        if kept is not None and not any(row["role"] == Role.OWNER for row in kept):
            raise ValidationError("A team needs an owner.")


class MembershipInline(admin.TabularInline):
    model = Membership
    formset = MembershipFormSet
    autocomplete_fields = ["user"]
    readonly_fields = ["created_at"]
    extra = 0
    min_num = 1


@admin.register(Team)
class TeamAdmin(AdministratorsOnly, admin.ModelAdmin):
    list_display = ["name", "personal", "owners", "created_at"]
    list_filter = ["personal", "created_at"]
    search_fields = ["name", "members__username", "members__email"]
    readonly_fields = ["personal", "created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("memberships__user")

    @admin.display(description="Owners")
    def owners(self, team):
        return ", ".join(each.user.username for each in team.memberships.all() if each.role == Role.OWNER)

    def has_delete_permission(self, request, obj=None):
        return False  # its monitors and their history would go with it


@admin.register(Mail)
class MailAdmin(AdministratorsOnly, admin.ModelAdmin):
    list_display = ["subject", "recipients", "sent_at", "delivered", "error"]
    list_filter = ["delivered", "sent_at"]
    search_fields = ["subject", "recipients"]
    date_hierarchy = "sent_at"

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
