"""How allauth's pages work here: our sign-up, our limits, links from BASE_URL, and redirects that stay here."""

from urllib.parse import quote

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from django.conf import settings
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import services

MISMATCH = "No account has this username or email together with this password."


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": MISMATCH,
        "email_password_mismatch": MISMATCH,
        "email_taken": "Another account uses this email address.",
        "too_many_login_attempts": "Too many failed attempts. Wait a few minutes, then try again.",
    }

    # Sign-up ---------------------------------------------------------------------------------------------------------
    def is_open_for_signup(self, request):
        return services.sign_up_open()

    def clean_username(self, username, shallow=False):
        username = services.clean_username(username)
        if not shallow:
            services.refuse_taken_username(username)
        return username

    def clean_password(self, password, user=None):
        services.clean_password(password)
        return super().clean_password(password, user)

    def save_user(self, request, user, form, commit=True):
        said = form.cleaned_data
        return services.sign_up(said["username"], said["password1"], said.get("email"), said.get("setup_token", ""))

    # Sign-in ---------------------------------------------------------------------------------------------------------
    def authenticate(self, request, **credentials):
        """The user, or None; ValidationError after too many failures. Page, API and admin all come through here.

        One name is passed on: the backend tries it as email and as username, and so hashes a password exactly once
        whether or not the account exists.
        """
        name = services.normal_username(credentials.get("username") or credentials["email"])
        return super().authenticate(request, username=name, password=credentials["password"])

    def _get_login_attempts_cache_key(self, request, **credentials):
        """One bucket per account, by whichever name it is called; allauth's own also varies with the Host header."""
        name = services.normal_username(credentials.get("username") or credentials["email"])
        found = filter_users_by_email(name, for_login=True)
        user = found[0] if found else get_user_by_username(name)
        return f"account:{user.pk}" if user else f"name:{name.casefold()}"

    # Where to go -----------------------------------------------------------------------------------------------------
    def is_safe_url(self, url):
        """Only a path on this very site, whatever host it was asked by."""
        return url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_signup_redirect_url(self, request):
        return reverse("monitors:welcome")

    def get_password_change_redirect_url(self, request):
        return reverse("accounts:profile")

    def get_email_verification_redirect_url(self, email_address):
        return reverse("accounts:profile")

    # Mail ------------------------------------------------------------------------------------------------------------
    def should_send_confirmation_mail(self, request, email_address, signup):
        return signup  # not again at every sign-in

    def send_mail(self, template_prefix, email, context):
        told = {**context, "email": email, "site_url": settings.BASE_URL}
        self.render_mail(template_prefix, email, told).send()

    def get_reset_password_from_key_url(self, key):
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.BASE_URL + path.replace("UID-KEY", quote(key))

    def get_email_confirmation_url(self, request, emailconfirmation):
        return settings.BASE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])
