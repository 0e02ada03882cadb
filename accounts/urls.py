"""Pages of accounts. Of allauth's pages only those we use exist, under the names allauth looks for."""

from django.urls import include, path, re_path

from accounts import entry, views

own = [
    path("profile", views.profile, name="profile"),
    path("theme", views.theme, name="theme"),
    path("mailbox", views.mailbox, name="mailbox"),
    path("mailbox/<int:pk>", views.mail, name="mail"),
    path("mailbox/<int:pk>/html", views.mail_html, name="mail_html"),
]

allauth = [
    path("login", entry.login, name="account_login"),
    path("logout", entry.logout, name="account_logout"),
    path("signup", entry.signup, name="account_signup"),
    path("inactive", entry.inactive, name="account_inactive"),
    re_path(r"^email/(?P<key>[-:\w]+)$", entry.confirm_email, name="account_confirm_email"),
    path("password/change", entry.password_change, name="account_change_password"),
    path("password/reset", entry.password_reset, name="account_reset_password"),
    path("password/reset/done", entry.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done",
        entry.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
        entry.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
]

urlpatterns = [path("", include((own, "accounts"))), path("accounts/", include(allauth))]
