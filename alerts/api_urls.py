"""REST addresses of alerting."""

from django.urls import path

from alerts import api, api_mail

urlpatterns = [
    path("api/v2/channels", api.Channels.as_view(), name="api_channels"),
    path("api/v2/channels/<str:id>", api.OneChannel.as_view(), name="api_channel"),
    path("api/v2/channels/<str:id>/test", api.ChannelTest.as_view(), name="api_channel_test"),
    path("api/v2/policies", api.Policies.as_view(), name="api_policies"),
    path("api/v2/policies/<str:id>", api.OnePolicy.as_view(), name="api_policy"),
    path("api/v3/policies", api.PoliciesV3.as_view(), name="api_policies_v3"),
    path("api/v3/policies/<str:id>", api.OnePolicyV3.as_view(), name="api_policy_v3"),
    path("api/v2/mail-templates", api_mail.MailTemplates.as_view(), name="api_mail_templates"),
    path("api/v2/mail-templates/<str:event>", api_mail.OneMailTemplate.as_view(), name="api_mail_template"),
    path("api/v2/deliveries", api.Deliveries.as_view(), name="api_deliveries"),
    path("api/v2/deliveries/<str:id>", api.OneDelivery.as_view(), name="api_delivery"),
]
