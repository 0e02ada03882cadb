"""Pages of alerting."""

from django.urls import path

from alerts import views, views_browsers, views_mail, views_messages, views_policies, views_twilio

app_name = "alerts"
urlpatterns = [
    path("alerts", views.channels, name="channels"),
    path("alerts/channels/add", views.channel_add, name="channel_add"),
    path("alerts/channels/<int:pk>", views.channel_edit, name="channel_edit"),
    path("alerts/channels/<int:pk>/delete", views.channel_delete, name="channel_delete"),
    path("alerts/channels/<int:pk>/secret", views.channel_secret, name="channel_secret"),
    path("alerts/channels/<int:pk>/test", views.channel_test, name="channel_test"),
    path("alerts/channels/<int:pk>/switch", views.channel_switch, name="channel_switch"),
    path("alerts/policies", views_policies.policies, name="policies"),
    path("alerts/policies/add", views_policies.policy_add, name="policy_add"),
    path("alerts/policies/<int:pk>", views_policies.policy_edit, name="policy_edit"),
    path("alerts/policies/<int:pk>/delete", views_policies.policy_delete, name="policy_delete"),
    path("alerts/policies/<int:pk>/default", views_policies.policy_default, name="policy_default"),
    path("alerts/monitors/<int:pk>", views_policies.monitor, name="monitor"),
    path("alerts/messages", views_messages.messages, name="messages"),
    path("alerts/messages/<int:pk>", views_messages.message, name="message"),
    path("alerts/messages/<int:pk>/html", views_messages.message_html, name="message_html"),
    path("alerts/messages/<int:pk>/again", views_messages.again, name="again"),
    path("alerts/mails", views_mail.mail_templates, name="mail_templates"),
    path("alerts/mails/<slug:event>", views_mail.mail_template, name="mail_template"),
    path("alerts/mails/<slug:event>/preview", views_mail.mail_preview, name="mail_preview"),
    path("alerts/mails/<slug:event>/preview/<slug:key>", views_mail.mail_preview_html, name="mail_preview_html"),
    path("alerts/mails/<slug:event>/default", views_mail.mail_default, name="mail_default"),
    path("alerts/banner", views_messages.banner, name="banner"),
    path("alerts/browsers", views_browsers.browsers, name="browsers"),
    path("alerts/browsers/add", views_browsers.browser_add, name="browser_add"),
    path("alerts/browsers/renew", views_browsers.browser_renew, name="browser_renew"),
    path("alerts/browsers/<int:pk>/remove", views_browsers.browser_remove, name="browser_remove"),
    path("twilio/<uuid:key>/status", views_twilio.status, name="twilio_status"),
    path("twilio/<uuid:key>/call", views_twilio.call, name="twilio_call"),
    path("twilio/<uuid:key>/digit", views_twilio.digit, name="twilio_digit"),
    path("unsubscribe/<str:token>", views_messages.unsubscribe, name="unsubscribe"),
]
