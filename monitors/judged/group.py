"""The kind `group`: a monitor of monitors. It asks nobody; what it is follows from its members by a rule."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from monitors.domain.group import DEPTH, Demand, Rule
from monitors.probes.options import OptionsForm

MOST = 200  # members
MOST_WEIGHT = 1000
RHYTHM_S = 60  # stands where other monitors have an interval; a group has none
Offered = dict[str, str]  # id to name


class MembersWidget(forms.CheckboxSelectMultiple):
    """A box for each monitor of the team, and beside it how much it weighs."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        ids = data.getlist(name) if hasattr(data, "getlist") else data.get(name)
        if not all(isinstance(each, str) for each in ids or ()):
            return ids
        return [{"id": each, "weight": data.get(f"weight_{each}") or 1} for each in ids or ()]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = {str(each["id"]): each["weight"] for each in value or () if isinstance(each, dict)}
        rows = [
            (
                name,
                pk,
                "checked" if pk in chosen else "",
                title,
                pk,
                chosen.get(pk, 1),
                MOST_WEIGHT,
                title,
                Rule.WEIGHTED.value,
            )
            for pk, title in sorted(
                self.choices, key=lambda choice: (choice[0] not in chosen, str(choice[1]).casefold())
            )
        ]
        if not rows:
            return SafeString('<p class="muted">There is no monitor yet that it could be made of.</p>')
        return format_html(
            '<div class="members">{}</div>',
            format_html_join(
                "",
                '<div class="member"><label><input type="checkbox" name="{}" value="{}" {}> <span>{}</span></label>'
                '<input type="number" name="weight_{}" value="{}" min="1" max="{}" aria-label="Weight of {}" '
                'data-when="rule={}"></div>',
                rows,
            ),
        )


class MembersField(forms.MultipleChoiceField):
    """Monitors of the team with their weights: boxes from a page; from the API a list of ids, or of objects with id
    and weight. Cleans to such objects, in the order of their ids."""

    widget = MembersWidget
    schema = {
        "type": "array",
        "items": {"type": "object", "properties": {"id": {"type": "string"}, "weight": {"type": "integer"}}},
    }
    offered: Offered | None = None  # None: nobody said yet which there are

    def offer(self, offered: Offered) -> None:
        self.offered, self.choices = offered, list(offered.items())

    def to_python(self, value: Any) -> list[dict[str, Any]]:  # type: ignore[override]
        if not isinstance(value or [], list | tuple):
            raise ValidationError("Send a list of ids, or of objects with id and weight.")
        found = [_member(each) for each in value or ()]
        return sorted({each["id"]: each for each in found}.values(), key=lambda each: int(each["id"]))

    def validate(self, value: Any) -> None:
        if not value:
            raise ValidationError("Which monitors is it made of? Choose at least one.", code="required")
        if len(value) > MOST:
            raise ValidationError(f"Choose at most {MOST} monitors, not {len(value)}.")
        for each in value:
            if self.offered is not None and each["id"] not in self.offered:
                raise ValidationError(
                    f"The monitor {each['id']} cannot be a member. Choose monitors of this team that are not made of "
                    f"this group themselves; groups go {DEPTH} deep."
                )


def _member(item: Any) -> dict[str, Any]:
    pk, weight = (item.get("id"), item.get("weight", 1)) if isinstance(item, dict) else (item, 1)
    if isinstance(pk, bool) or not str(pk).isdecimal() or len(str(pk)) > 18:
        raise ValidationError(f"“{str(pk)[:40]}” is no id of a monitor.")
    if isinstance(weight, bool) or not str(weight).isdecimal() or not 1 <= int(str(weight)[:9]) <= MOST_WEIGHT:
        raise ValidationError(f"A weight is a whole number from 1 to {MOST_WEIGHT:,}, not “{str(weight)[:40]}”.")
    return {"id": str(int(str(pk))), "weight": int(weight)}


class Options(OptionsForm):
    section = "When it counts as up"

    members = MembersField(
        label="Monitors", help_text="Those it is made of, each with a weight where the rule asks for a share of it."
    )
    rule = forms.ChoiceField(
        label="Up while",
        choices=[
            (Rule.ALL.value, "All of them are up"),
            (Rule.ANY.value, "Any one of them is up"),
            (Rule.AT_LEAST.value, "At least a number of them is up"),
            (Rule.WEIGHTED.value, "At least a share of the weight is up"),
        ],
        initial=Rule.ALL.value,
        help_text="A paused monitor, or one in maintenance, is left out. One without data counts as neither.",
    )
    least_up = forms.IntegerField(
        label="Number that must be up",
        min_value=1,
        max_value=MOST,
        initial=1,
        required=False,
        widget=forms.NumberInput(attrs={"data-when": f"rule={Rule.AT_LEAST.value}"}),
        help_text="Only for “at least a number of them”.",
    )
    share_up = forms.IntegerField(
        label="Share that must be up, in per cent",
        min_value=1,
        max_value=100,
        initial=50,
        required=False,
        widget=forms.NumberInput(attrs={"data-when": f"rule={Rule.WEIGHTED.value}"}),
        help_text="Of the weights beside the monitors; only for “at least a share of the weight”.",
    )

    def choose_from(self, monitors: Callable[[], Iterable[tuple[int, str]]]) -> None:
        field: Any = self.fields["members"]
        field.offer({str(pk): name for pk, name in monitors()})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("least_up", "share_up"):
            if cleaned.get(name) is None and name not in self.errors:
                cleaned[name] = self.base_fields[name].initial
        members = cleaned.get("members", [])
        if cleaned.get("rule") == Rule.AT_LEAST and members and cleaned.get("least_up", 1) > len(members):
            self.add_error("least_up", f"It has only {len(members)} members. Lower it, or choose more.")
        return cleaned


class GroupKind:
    name = "group"
    judged = True
    label = "Group"
    description = "A monitor of monitors: up or down as all, any, a number or a share of them are."
    target_label = target_example = target_help = ""
    has_port = False
    Options = Options
    secret_fields = ()
    sections = {"What it is made of": ["kind", "name", "members"]}
    begins = "What it is shows within a second."
    changed = "It takes effect within a second."

    def clean_target(self, text: str, allow_private: bool) -> str:
        raise ValueError("A group has no address of its own.")

    def columns(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"options": dict(options), "interval": RHYTHM_S, "timeout_ms": 0}

    def expectation(self, options: Mapping[str, Any]) -> str:
        """The rule as a line: "At least 2 of 5 monitors"."""
        count = len(options["members"])
        match Rule(options["rule"]):
            case Rule.ALL:
                return f"All of {count} monitors" if count > 1 else "One monitor"
            case Rule.ANY:
                return f"Any of {count} monitors"
            case Rule.AT_LEAST:
                return f"At least {options['least_up']} of {count} monitors"
            case Rule.WEIGHTED:
                return f"At least {options['share_up']} % of the weight of {count} monitors"


KIND = GroupKind()


def demand(options: Mapping[str, Any]) -> Demand:
    """What a group with these options asks of its members."""
    return Demand(Rule(options["rule"]), options["least_up"], options["share_up"])
