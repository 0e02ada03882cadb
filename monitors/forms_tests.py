"""What tests and proposals read: typed settings as a trial, and one address as several."""

from dataclasses import dataclass
from functools import cached_property

from django import forms
from django.core.exceptions import ValidationError

from monitors.domain.proposal import Candidate, Role, candidates, parse
from monitors.forms import STORED, MonitorForm
from monitors.probes.kinds import KINDS
from monitors.services.testruns import Trial
from uptime.lib.domains import registered


def trial(form, key="check"):
    """The settings of a valid monitor form, as they are to be tried."""
    given = form.cleaned_data
    return Trial(form.chosen.name, given["target"], given["timeout_ms"], {**given["options"], **given["secrets"]}, key)


@dataclass(frozen=True)
class Offer:
    """A candidate that may be watched, with the form that makes it."""

    candidate: Candidate
    form: MonitorForm

    @property
    def key(self):
        return self.candidate.key

    @property
    def identity(self):
        """What makes two monitors the same to their owner."""
        return self.form.chosen.name, self.form.cleaned_data["target"]

    @property
    def fields(self):
        """Attributes of the monitor."""
        given = self.form.cleaned_data
        return {"kind": self.form.chosen.name, **{name: given[name] for name in STORED if name in given}}


class AddressForm(forms.Form):
    """Just an address; each candidate passes the form that everything else passes, and its guard."""

    use_required_attribute = False

    target = forms.CharField(
        label="Address",
        max_length=2048,
        widget=forms.TextInput(
            attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false", "placeholder": "example.com"}
        ),
        help_text="A name, a web address, a host and port, or an IP address: example.com, https://example.com/shop, "
        "mail.example.com:993, 192.0.2.10.",
        error_messages={"required": "Enter an address, as in example.com."},
    )

    def __init__(self, data=None, *, team, user, initial=None):
        self.team, self.user = team, user
        super().__init__(data, initial=initial)

    def clean_target(self):
        text = self.cleaned_data["target"]
        try:
            found = candidates(parse(text, registered), {kind.name for kind in KINDS})
        except ValueError as error:
            raise ValidationError(str(error)) from error
        tried = [(each, self._form(each)) for each in found]
        self.offers = [Offer(each, form) for each, form in tried if form.is_valid()]
        mains = [(each, form) for each, form in tried if each.role is Role.MAIN]
        if not any(form.is_valid() for _, form in mains):
            errors = mains[-1][1].errors if mains else {}
            raise ValidationError([*errors.get("target", []), *errors.get("__all__", [])] or ["It cannot be watched."])
        return text

    def _form(self, each):
        given = {"target": each.target, "name": each.name}
        return MonitorForm.of(given, team=self.team, user=self.user, kind=each.kind)

    @cached_property
    def trials(self):
        return [trial(each.form, each.key) for each in self.offers]
