"""The one description of a channel's settings: pages, API and admin read this form.

What every channel has is declared here; what only a kind knows comes from the kind's own `Options`.
"""

from typing import Any

from django import forms
from django.db.models import Q

from alerts.channels.webhook import FORMER_SECRET, SECRET, new_secret
from alerts.models import SEVERITIES, Channel, all_severities
from alerts.services import channels
from monitors.masks import MASK, holds_mask, masked, unmasked

WHOSE = [("team", "The team"), ("me", "Only me")]
SEVERITY_CHOICES = [(severity.value, label) for severity, label in SEVERITIES]


def starting_options(kind) -> dict[str, Any]:
    """What the options of a new channel begin with."""
    found = {name: field.initial for name, field in kind.Options.base_fields.items() if field.initial is not None}
    if SECRET in kind.Options.base_fields:
        found[SECRET] = new_secret()
    return found


def shown_options(channel: Channel) -> dict[str, Any]:
    """A channel's options as they may be shown."""
    return {**channel.options, **{name: masked(value) for name, value in (channel.secrets or {}).items()}}


class ChannelForm(forms.Form):
    """Settings of a new channel of `team`, or of `instance`. What is left empty has its default."""

    use_required_attribute = False

    name = forms.CharField(
        label="Name", max_length=100, required=False, help_text="What lists call it. Empty: where it leads."
    )
    whose = forms.ChoiceField(
        label="For",
        choices=WHOSE,
        required=False,
        initial="team",
        help_text="“Only me”: used where a policy names you, or the whole team.",
    )
    severities = forms.MultipleChoiceField(
        label="Severities",
        choices=SEVERITY_CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Of your own channel: what you want to hear of here. None chosen: all.",
    )
    fallback = forms.ModelChoiceField(
        Channel.objects.none(),
        label="When it fails",
        required=False,
        empty_label="Email to the owners",
        help_text="Told instead when this channel fails for five minutes, or for good.",
    )
    per_minute = forms.IntegerField(
        label="Messages a minute", min_value=1, max_value=1000, required=False, help_text="More come in one digest."
    )
    per_hour = forms.IntegerField(
        label="Messages an hour", min_value=1, max_value=100_000, required=False, help_text="More come in one digest."
    )

    def __init__(self, data=None, *, team, user, kind, instance=None):
        self.team, self.user, self.instance, self.kind = team, user, instance, kind
        self.shown = shown_options(instance) if instance else starting_options(kind)
        super().__init__(data, initial=self._initial())
        self.options = kind.Options(data, initial=self.shown)
        others = Channel.objects.filter(team=team).filter(Q(member=None) | Q(member=user))
        fallback = self.fields["fallback"]
        assert isinstance(fallback, forms.ModelChoiceField)  # noqa: S101
        fallback.queryset = others.exclude(pk=instance.pk) if instance else others

    def _initial(self):
        channel = self.instance or Channel(per_minute=self.kind.per_minute, per_hour=self.kind.per_hour)
        return {
            "name": channel.name,
            "whose": "me" if channel.member_id else "team",
            "severities": channel.severities,
            "fallback": channel.fallback_id,
            "per_minute": channel.per_minute,
            "per_hour": channel.per_hour,
        }

    @classmethod
    def of(cls, given, *, team, user, kind, instance=None):
        """A bound form from JSON values: what is left out keeps its value, or has its default."""
        blank = cls(team=team, user=user, kind=kind, instance=instance)
        start = {**{name: field.initial for name, field in kind.Options.base_fields.items()}, **blank.shown}
        if instance is None:
            start.pop(SECRET, None)
        known = {name: value for name, value in {**start, **blank.initial}.items() if value is not None}
        return cls({**known, **given}, team=team, user=user, kind=kind, instance=instance)

    def sections(self):
        """Pairs of a title and its bound fields; the last one is advanced."""
        yield self.options.section, list(self.options)
        yield "Name and readers", [self[name] for name in ("name", "whose", "severities")]
        yield "Limits", [self[name] for name in ("fallback", "per_minute", "per_hour")]

    def full_clean(self):
        super().full_clean()
        if self.is_bound:
            self.errors.update(self.options.errors)

    def clean(self):
        cleaned = super().clean() or {}
        cleaned["per_minute"] = cleaned.get("per_minute") or self.kind.per_minute
        cleaned["per_hour"] = cleaned.get("per_hour") or self.kind.per_hour
        cleaned["severities"] = cleaned.get("severities") or all_severities()
        self._clean_options(cleaned)
        return cleaned

    def _clean_options(self, cleaned):
        if self.options.errors:
            return
        stored = (self.instance.secrets if self.instance else None) or {}
        cleaned["options"], cleaned["secrets"] = {}, {}
        for name, value in list(self.options.cleaned_data.items()):
            if name not in self.kind.secret_fields:
                cleaned["options"][name] = value
                continue
            secret = unmasked(value, stored.get(name))
            if name == FORMER_SECRET and holds_mask(secret):  # the present one, moved here as it was shown
                secret = unmasked(value, stored.get(SECRET))
            if holds_mask(secret):
                self.options.add_error(name, f"Enter the value again: nothing is stored for “{MASK}” here.")
            elif secret:
                cleaned["secrets"][name] = secret

    def save(self, enabled: bool = True) -> Channel:
        cleaned = self.cleaned_data
        channel = self.instance or Channel(team=self.team, kind=self.kind.name)
        names = ["severities", "fallback", "per_minute", "per_hour", "options", "secrets"]
        member = self.user if cleaned["whose"] == "me" else None
        fields = {**{name: cleaned[name] for name in names}, "member": member, "automatic": False, "enabled": enabled}
        draft = Channel(team=self.team, kind=self.kind.name, member=member, **{n: cleaned[n] for n in names[-2:]})
        fields["name"] = cleaned["name"] or f"{self.kind.label}: {draft.summary}"[:100]
        return channels.save(channel, fields)
