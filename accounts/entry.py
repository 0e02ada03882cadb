"""The way in: allauth's pages with our words, and a clear answer instead of an error while the cache is away."""

from functools import wraps

from allauth.account import views as allauth_views
from django.core.exceptions import ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.generic import FormView
from redis.exceptions import RedisError

from accounts import services


def counted(view):
    """Attempts cannot be counted while the cache is away, so none is let through: 503, please try again."""

    @wraps(view)
    def guarded(request, *args, **kwargs):
        try:
            return view(request, *args, **kwargs)
        except RedisError:
            response = render(request, "account/unavailable.html", status=503)
            response["Retry-After"] = "30"
            return response

    return guarded


GOOD_ENOUGH = "At least 8 characters, not a common password, not your name or email."


class Worded(FormView):
    """A view whose form says what to enter above each field instead of inside it, and where to go on."""

    labels: dict[str, str] = {}
    helps: dict[str, str] = {}

    def get_form(self, form_class=None):
        form = super().get_form(form_class)
        for name, field in form.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = self.labels.get(name, field.label)
            field.help_text = self.helps.get(name, field.help_text)
            if name in {"login", "username"}:
                field.widget.attrs.update(autocomplete="username", autocapitalize="none", spellcheck="false")
        if not form.is_bound:
            next(iter(form.fields.values())).widget.attrs["autofocus"] = True
        return form

    def form_invalid(self, form):
        if not set(form.errors) & set(form.fields):  # a field in error takes the focus by itself
            list(form.fields.values())[-1].widget.attrs["autofocus"] = True
        return super().form_invalid(form)


class LoginView(Worded, allauth_views.LoginView):
    labels = {"login": "Username or email"}
    helps = {"password": ""}  # the page has the link to a new one

    def get(self, request, *args, **kwargs):
        if services.is_first_account():
            return HttpResponseRedirect(self.passthrough_next_url(reverse("account_signup")))
        return super().get(request, *args, **kwargs)


class SignupView(Worded, allauth_views.SignupView):
    labels = {"email": "Email"}
    helps = {"email": "For a link to a new password, should you ever need one.", "password1": GOOD_ENOUGH}

    def get_next_url(self):
        """Whoever came by the front door, and not by a link to some page, is shown the first steps."""
        wanted = super().get_next_url()
        return reverse("monitors:welcome") if wanted == reverse("monitors:list") else wanted

    def form_valid(self, form):
        try:
            return super().form_valid(form)
        except ValidationError as error:  # somebody else was faster
            form.add_error(None, error)
            return self.form_invalid(form)

    def get_context_data(self, **kwargs):
        return {**super().get_context_data(**kwargs), "first_account": services.is_first_account()}


class PasswordChangeView(Worded, allauth_views.PasswordChangeView):
    labels = {"oldpassword": "Current password", "password1": "New password", "password2": "New password, again"}
    helps = {"oldpassword": "", "password1": GOOD_ENOUGH}


class PasswordResetView(Worded, allauth_views.PasswordResetView):
    pass


class PasswordResetFromKeyView(Worded, allauth_views.PasswordResetFromKeyView):
    labels = {"password1": "New password", "password2": "New password, again"}
    helps = {"password1": GOOD_ENOUGH}


login = counted(LoginView.as_view())
signup = counted(SignupView.as_view())
logout = allauth_views.logout
inactive = allauth_views.account_inactive
confirm_email = counted(allauth_views.confirm_email)
password_change = counted(PasswordChangeView.as_view())
password_reset = counted(PasswordResetView.as_view())
password_reset_done = allauth_views.password_reset_done
password_reset_from_key = counted(PasswordResetFromKeyView.as_view())
password_reset_from_key_done = allauth_views.password_reset_from_key_done
