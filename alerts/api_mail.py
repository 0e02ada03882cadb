"""/api/v2/mail-templates: how the mails of one's own team are put."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.response import Response

from alerts import api_schema as words
from alerts import serializers
from alerts.api import AlertsView
from alerts.models import MAILS, MailTemplate
from alerts.services import mail_templates

EVENT = OpenApiParameter("event", str, OpenApiParameter.PATH, enum=list(MAILS), description="What the mails are about.")


class MailTemplates(AlertsView):
    @extend_schema(
        operation_id="mail_templates_list",
        summary="List mail templates",
        description="One for each kind of mail of your own team, ours where it has none of its own.",
        tags=["Mail templates"],
        responses={200: OpenApiResponse(words.list_of("MailTemplate"), "All of them."), **words.COMMON},
    )
    def get(self, request):
        own = {each.event: each for each in MailTemplate.objects.filter(team=request.user.ensure_team())}
        return Response({"data": [serializers.mail_template(event, own.get(event)) for event in MAILS]})


class OneMailTemplate(AlertsView):
    noun = "mail_template"

    @extend_schema(
        operation_id="mail_templates_read",
        summary="Read a mail template",
        tags=["Mail templates"],
        parameters=[EVENT],
        responses={200: OpenApiResponse(words.one("MailTemplate"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, event):
        return self.answer(*self.known(request, event))

    @extend_schema(
        operation_id="mail_templates_change",
        summary="Change a mail template",
        description="What the body leaves out stays as it is; what is empty is put in our words.",
        tags=["Mail templates"],
        parameters=[EVENT],
        request=words.body("MailTemplateSettings"),
        responses={
            200: OpenApiResponse(words.one("MailTemplate"), "Changed."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def patch(self, request, event):
        team, event = self.known(request, event)
        self.checked(serializers.MailTemplateBody(request.data, team=team, event=event)).save()
        return self.answer(team, event)

    @extend_schema(exclude=True)
    def put(self, request, event):
        return self.patch(request, event)

    @extend_schema(
        operation_id="mail_templates_reset",
        summary="Back to the default",
        description="Forgets what is your own of it.",
        tags=["Mail templates"],
        parameters=[EVENT],
        responses={204: OpenApiResponse(None, "Ours again."), 404: words.MISSING, **words.COMMON},
    )
    def delete(self, request, event):
        mail_templates.reset(*self.known(request, event))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def known(self, request, event):
        if event not in MAILS:
            raise self.missing(event)
        return request.user.ensure_team(), event

    @staticmethod
    def answer(team, event):
        own = MailTemplate.objects.filter(team=team, event=event).first()
        return Response({"data": serializers.mail_template(event, own)})
