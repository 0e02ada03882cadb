"""The form of a mail template."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from alerts.channels import mailtext
from alerts.channels.base import Wording
from alerts.channels.wording import TemplateError, check
from alerts.models import MailTemplate
from alerts.samples import sample
from alerts.services import mail_templates
from monitors.probes.options import TextField


class SourceField(TextField):
    """A template of several lines. Raises ValidationError with the line, and what to write instead."""

    def __init__(self, *, check, rows: int, **more: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false", "class": "mono"})
        super().__init__(required=False, strip=False, widget=widget, **more)
        self.check = check

    def clean(self, value: Any) -> str:
        text: str = super().clean(value).replace("\r\n", "\n").strip("\n")
        _checked(self.check, text)
        return text


class SubjectField(TextField):
    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        _checked(mailtext.check_subject, text)
        return text


def _checked(check, text: str) -> None:
    try:
        check(text)
    except TemplateError as error:
        raise ValidationError(str(error)) from error


class MailTemplateForm(forms.Form):
    """How mails of `team` about `event` are put. What is left empty is put in our own words."""

    use_required_attribute = False

    subject = SubjectField(label="Subject", required=False, max_length=mailtext.SUBJECT_LONGEST)
    text = SourceField(
        label="Text",
        check=check,
        rows=14,
        max_length=mailtext.TEXT_LONGEST,
        help_text="What mail programs without HTML show. A line whose variables are all empty is left out.",
    )
    html = SourceField(
        label="HTML",
        check=mailtext.check_html,
        rows=18,
        max_length=mailtext.HTML_LONGEST,
        help_text="What stands inside <body>, with styles in the elements. What variables say is escaped.",
    )

    def __init__(self, data=None, *, team, event):
        self.team, self.event = team, event
        self.instance = MailTemplate.objects.filter(team=team, event=event).first()
        self.usual = mailtext.default()
        start = self.instance.wording if self.instance else self.usual
        super().__init__(data, initial={"subject": start.subject, "text": start.text, "html": start.html})

    def clean(self):
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                self.rendered = mailtext.written(sample(self.event, self.team), self._wording(cleaned))
            except TemplateError as error:
                self.add_error(None, str(error))
        return cleaned

    def _wording(self, cleaned) -> Wording:
        return Wording(**{name: cleaned[name] or getattr(self.usual, name) for name in ("subject", "text", "html")})

    def save(self):
        return mail_templates.save(self.team, self.event, self._wording(self.cleaned_data))
