"""The one description of a monitor's settings: pages, both APIs and their documentation read this form.

What every monitor has is declared here; what only a kind knows comes from the kind's own `Options` form, found through
the registry. A new kind is therefore in the form without a line here.
"""

import itertools
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db.models import Q
from django.utils.text import slugify

from monitors.domain.slots import default_timeout, max_timeout
from monitors.masks import MASK, holds_mask, masked, unmasked
from monitors.models import Monitor, Region, WhenBlind
from monitors.probes.kinds import KINDS, as_judged, is_probed, least_interval, usual_interval
from monitors.sections import QUORUMS, grouped
from monitors.services import groups
from monitors.targets import name_of
from uptime import actions
from uptime.lib.net import Guard

MAX_INTERVAL = MAX_PERIOD = 86_400  # seconds: a day
MIN_TIMEOUT = 0.5  # seconds
# How its votes are judged: fields that are attributes of the same name, with a default.
RULES = ("quorum", "at_least", "confirm", "recover", "confirmation_period", "recovery_period", "when_blind")
STORED = ("name", "target", "interval", "timeout_ms", "options", "secrets", "regions", *RULES)
# What only what is probed has.
PROBED = ("interval", "timeout", "regions", *RULES)


def default_of(name):
    """What the model gives a field that nobody fills in."""
    return getattr(Monitor(), name)


DEFAULT_KIND = default_of("kind")


class KindField(forms.ChoiceField):
    """Who names no type means the usual one."""

    def clean(self, value):
        return super().clean(value or DEFAULT_KIND)


class MonitorForm(forms.Form):
    """Settings of a new monitor of `team`, or of `instance`. What is left empty has its default."""

    use_required_attribute = False  # the server says better what is missing

    kind = KindField(label="Type")
    target = forms.CharField(label="Address", widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}))
    name = forms.CharField(
        label="Name",
        max_length=100,
        required=False,
        help_text="What lists and messages call it. Empty: its host.",
    )
    interval = forms.IntegerField(
        label="Check every, in seconds",
        min_value=1,
        max_value=MAX_INTERVAL,
        required=False,
        help_text="From 1 to 86,400, which is a day.",
    )
    timeout = forms.FloatField(
        label="Timeout, in seconds",
        min_value=MIN_TIMEOUT,
        max_value=MAX_INTERVAL,  # how much is sensible depends on the interval
        required=False,
        help_text="Longer than this is a failure. At most 60, and no more than the time between two checks "
        "or 10, whichever is longer. Empty: 5 to 10.",
    )
    regions = forms.MultipleChoiceField(
        label="Regions",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Where it is checked from. None chosen: all of them.",
    )
    quorum = forms.ChoiceField(
        label="Down when it fails from",
        choices=list(QUORUMS.items()),
        required=False,
        help_text="With “any one region”, one region is enough to open an incident, even if only its own "
        "network is ill.",
    )
    at_least = forms.IntegerField(
        label="Number of regions",
        min_value=1,
        max_value=100,
        required=False,
        help_text="Only for “at least a number of regions”.",
    )
    confirm = forms.IntegerField(
        label="Failed rounds until down",
        min_value=1,
        max_value=10,
        required=False,
        help_text="In a row. 1 is quickest; 2 lets a single hiccup pass.",
    )
    recover = forms.IntegerField(
        label="Good rounds until up again",
        min_value=1,
        max_value=10,
        required=False,
        help_text="In a row.",
    )
    confirmation_period = forms.IntegerField(
        label="Seconds before an incident",
        min_value=0,
        max_value=MAX_PERIOD,
        required=False,
        help_text="A failure must last this long. 0: the rounds above are enough.",
    )
    recovery_period = forms.IntegerField(
        label="Seconds before it is resolved",
        min_value=0,
        max_value=MAX_PERIOD,
        required=False,
        help_text="A recovery must last this long. 0: the rounds above are enough.",
    )
    when_blind = forms.ChoiceField(
        label="While none of its regions can look",
        choices=WhenBlind.choices,
        required=False,
        help_text="A region that is offline or not trusted cannot look. Wait if the address answers its own regions "
        "only, such as one in a private network.",
    )

    def __init__(self, data=None, *, team, user, instance=None, kind=None, typed=None):
        """`typed`: what a page posted of a form of another type, which is to be shown in this one's fields."""
        self.team, self.user, self.instance = team, user, instance
        self.posted = data if typed is None else typed
        wanted = instance.kind if instance else kind or (self.posted or {}).get("kind") or DEFAULT_KIND
        self.chosen = KINDS.get(wanted if wanted in KINDS else DEFAULT_KIND)
        self.judged = as_judged(self.chosen)
        self.shown = values(self.chosen, instance)
        if typed is not None:
            self.shown |= self._typed(typed)
        super().__init__(data, initial=self.shown)
        self.options = self.chosen.Options(self._option_data(data), initial=self.shown)
        self.options.choose_from(partial(groups.candidates, team, instance))
        choosable = Q(enabled=True) | Q(monitors=instance) if instance else Q(enabled=True)
        self._regions = Region.objects.filter(choosable).defer("key").distinct()
        self._tune_fields()
        if self.judged:
            self._tune_judged(self.judged)

    def _option_data(self, data):
        """A page that shows none of the kind's options leaves them alone: a missing box is off only where it was."""
        names = self.chosen.Options.base_fields
        if data is None or any(name in data for name in names):
            return data
        return {name: self.shown[name] for name in names if name in self.shown}

    def _typed(self, typed):
        """The values of the fields that were on the page; `shown` is the type whose form it was, for unticked boxes."""
        was = typed.get("shown", "")
        seen = KINDS.get(was).Options.base_fields if was in KINDS else {}
        found = {}
        for name, field in {**self.base_fields, **self.chosen.Options.base_fields}.items():
            if name in typed or (name in seen and isinstance(field, forms.BooleanField)):
                found[name] = field.widget.value_from_datadict(typed, {}, name)
        if was in KINDS and found.get("interval") == str(default_interval(KINDS.get(was))):
            del found["interval"]  # nobody chose it, and the other type may have another
        return {**found, "kind": self.chosen.name}

    @property
    def carried(self):
        """What was typed into options of other types, [(name, text)]: it goes along, in case they are chosen again."""
        others = {name for kind in KINDS for name in kind.Options.base_fields} - set(self.options.fields)
        posted = self.posted or {}
        typed = posted.getlist if hasattr(posted, "getlist") else lambda name: [posted[name]]
        return [(name, text) for name in sorted(others & set(posted)) for text in typed(name)]

    def _tune_fields(self):
        fields: dict[str, Any] = self.fields
        fields["kind"].choices = choices()
        fields["kind"].help_text = self.chosen.description
        if self.instance or len(KINDS) == 1:
            fields["kind"].widget = fields["kind"].hidden_widget()
        fields["target"].label = self.chosen.target_label
        fields["target"].widget.attrs["placeholder"] = self.chosen.target_example
        fields["target"].validators = []  # the kind's own rule says what is wrong, and the way out
        fields["name"].validators.append(
            RegexValidator(
                "[\x00-\x1f\x7f-\x9f\u2028\u2029]", "Leave line breaks and control characters out.", inverse_match=True
            )
        )
        fields["regions"].choices = [(each.slug, each.name) for each in self._regions]

    def _tune_judged(self, kind):
        """Nothing to ask, nowhere to ask from: it has a name of its own and its options."""
        for name in PROBED:
            del self.fields[name]
        self.fields["name"].required = True
        self.fields["name"].help_text = "What lists and messages call it."
        if not kind.target_label:
            del self.fields["target"]
            return
        self.fields["target"].required = False
        self.fields["target"].help_text = kind.target_help
        self.fields["target"].widget = forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": kind.target_example}
        )

    @classmethod
    def of(cls, given, *, team, user, instance=None, kind=None):
        """A bound form from JSON values: what is left out keeps the instance's value, or has its default."""
        wanted = instance.kind if instance else kind or given.get("kind") or DEFAULT_KIND
        start = values(KINDS.get(wanted if wanted in KINDS else DEFAULT_KIND), instance)
        return cls({**start, **given}, team=team, user=user, instance=instance, kind=kind)

    def __getitem__(self, name):
        return self.options[name] if name in self.options.fields else super().__getitem__(name)

    def __iter__(self):
        for _, fields in self.sections():
            yield from fields

    def sections(self):
        """Pairs of a title and its bound fields, for any template that shows forms."""
        for title, names in grouped(self.options, self.judged):
            bound = [self[name] for name in names if name in self.fields or name in self.options.fields]
            if bound:
                yield title, bound

    def full_clean(self):
        super().full_clean()
        if self.is_bound:
            self.errors.update(self.options.errors)

    def clean_kind(self):
        return self.chosen.name

    def clean_target(self):
        text = self.cleaned_data["target"]
        if self.instance and text == self.instance.target:
            return text
        if self.judged and not text:
            return self._short_name()
        try:
            text = self.chosen.clean_target(text, allow_private=settings.ALLOW_PRIVATE_TARGETS)
        except ValueError as error:
            raise ValidationError(str(error)) from error
        if self.judged and self._is_taken(text):
            raise ValidationError("Another one of your team has this short name. Choose another.")
        return text

    def _short_name(self):
        """One made of the name, with a number behind it where that is taken."""
        slug = slugify(str(self.data.get("name", "")))[:90]
        numbered = (slug if count == 1 else f"{slug}-{count}" for count in itertools.count(1))
        return next(each for each in numbered if not slug or not self._is_taken(each))

    def _is_taken(self, target):
        others = Monitor.objects.alive().filter(team=self.team, kind=self.chosen.name, target=target)
        return others.exclude(pk=self.instance and self.instance.pk).exists()

    def clean_interval(self):
        interval, least = self.cleaned_data["interval"], least_interval(self.chosen)
        if interval is not None and interval < least:
            raise ValidationError(f"At least {least:,} seconds: who is asked here lets nobody ask more often.")
        return interval

    def clean_regions(self):
        """The regions themselves; none chosen means every enabled one."""
        slugs = self.cleaned_data["regions"]
        return [each for each in self._regions if (each.slug in slugs if slugs else each.enabled)]

    def clean(self):
        super().clean()
        cleaned = self.cleaned_data
        for name in ("interval", *RULES):
            if name in self.fields and cleaned.get(name) in {None, ""} and name not in self.errors:
                cleaned[name] = default_interval(self.chosen) if name == "interval" else default_of(name)
        if "target" in cleaned and "name" not in self.errors:
            cleaned["name"] = cleaned.get("name") or name_of(cleaned["target"])
        self._clean_timeout(cleaned)
        self._clean_at_least(cleaned)
        self._clean_options(cleaned)
        return cleaned

    def _clean_timeout(self, cleaned):
        interval, timeout = cleaned.get("interval"), cleaned.get("timeout")
        if interval is None or "timeout" in self.errors:
            return
        cleaned["timeout_ms"] = default_timeout(interval) if timeout is None else round(timeout * 1000)
        limit = max_timeout(interval)
        if cleaned["timeout_ms"] > limit:
            rarer = ", or check less often" if limit < max_timeout(MAX_INTERVAL) else ""
            self.add_error(
                "timeout",
                f"At most {limit // 1000} seconds when checked every {interval} s. Lower it{rarer}.",
            )

    def _clean_at_least(self, cleaned):
        regions = cleaned.get("regions", [])
        if cleaned.get("quorum") == "at_least" and cleaned.get("at_least", 0) > len(regions) > 0:
            self.add_error(
                "at_least",
                f"Only {len(regions)} of the regions check it, so {cleaned['at_least']} can never agree. "
                "Lower it, or choose more regions.",
            )

    def _clean_options(self, cleaned):
        if self.options.errors:
            return
        self._unmask()
        if not self.options.errors:
            self.options.clean_whole()
        if "target" in cleaned and not self.options.errors:
            self.options.clean_for(cleaned["target"], Guard(settings.ALLOW_PRIVATE_TARGETS))
        cleaned["options"], cleaned["secrets"] = {}, {}
        for name, value in self.options.cleaned_data.items():
            if name in self.chosen.secret_fields:
                cleaned["secrets"] |= {name: value} if value else {}
            elif name not in self.options.rare or not self.options.is_usual(name):
                cleaned["options"][name] = value
        if self.judged:
            cleaned |= self.judged.columns(cleaned["options"])

    def _unmask(self):
        """Put what is stored where its mask was sent back."""
        for name in self.chosen.secret_fields:
            secret = unmasked(self.options.cleaned_data[name], self._stored.get(name))
            self.options.cleaned_data[name] = secret
            if holds_mask(secret):
                self.options.add_error(name, f"Enter the value again: nothing is stored for “{MASK}” here.")

    @property
    def _stored(self):
        return (self.instance.secrets if self.instance else None) or {}

    def save(self, **more):
        """Make or change the monitor; `more`: attributes of it that are not in the form. Returns it."""
        fields = {name: self.cleaned_data[name] for name in STORED if name in self.cleaned_data}
        if not self.instance:
            return actions.create(self.team, self.user, {"kind": self.chosen.name, **fields, **more})
        if self.options.cleaned_data == _cleaned(self.chosen, {**self.shown, **self._stored}):
            # Spelled out or not: the same options are no new configuration.
            del fields["options"], fields["secrets"]
        return actions.change(self.instance, {**fields, **more})


def default_interval(kind):
    """Seconds between two checks where nobody chose."""
    return usual_interval(kind) or settings.DEFAULT_CHECK_INTERVAL


def choices():
    """The types to choose from."""
    return [(each.name, each.label) for each in sorted(KINDS, key=usual_first)]


def usual_first(kind):
    """The order in which types are listed."""
    return kind.name != DEFAULT_KIND, kind.label


def values(kind, instance=None):
    """What a form of `kind` shows at first, and what a program's partial body is completed with; secrets are masked."""
    options = {name: field.initial for name, field in kind.Options.base_fields.items() if field.initial is not None}
    if instance is None and not is_probed(kind):
        return {**options, "kind": kind.name}
    if instance is None:
        return {**options, "kind": kind.name, "interval": default_interval(kind)} | {
            name: default_of(name) for name in RULES
        }
    return {
        **options,
        **instance.options,
        **masked(instance.secrets or {}),
        **{name: getattr(instance, name) for name in ("kind", "target", "name", "interval", *RULES)},
        "timeout": seconds(instance.timeout_ms),
        "regions": [region.slug for region in instance.regions.all()],
    }


def seconds(ms):
    """Whole where it is whole: 5, not 5.0."""
    return ms // 1000 if ms % 1000 == 0 else ms / 1000


def _cleaned(kind, shown):
    form = kind.Options.of({name: shown[name] for name in kind.Options.base_fields if name in shown})
    form.full_clean()
    return form.cleaned_data
