"""What people write of incidents."""

from django import forms

from incidents.handling import MOST_TEXT
from monitors.models import Monitor


class PlainForm(forms.Form):
    """Errors are the server's to say, beside the field and in our words."""

    use_required_attribute = False


class AboutForm(PlainForm):
    """What may be about a monitor of `team`: its form has a field `monitor`."""

    def __init__(self, data=None, *, team, **more):
        super().__init__(data, **more)
        monitor = self.fields["monitor"]
        assert isinstance(monitor, forms.ModelChoiceField)  # noqa: S101
        monitor.queryset = Monitor.objects.alive().filter(team=team).order_by("name")


class CommentForm(PlainForm):
    text = forms.CharField(
        label="Comment",
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write something first."},
    )


class PostmortemForm(PlainForm):
    text = forms.CharField(
        label="Post-mortem",
        required=False,
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 18}),
        help_text="In Markdown: # headings, **bold**, lists, tables, links. Empty removes it.",
    )


class DeclareForm(AboutForm):
    """A new manual incident of `team`."""

    summary = forms.CharField(
        label="What is wrong",
        max_length=300,
        help_text="In a sentence, as people will be told.",
        error_messages={"required": "Say what is wrong: this is what people are told."},
    )
    monitor = forms.ModelChoiceField(
        Monitor.objects.none(),
        label="Monitor",
        required=False,
        empty_label="None in particular",
        help_text="Whose policy says who is told. None: the default policy.",
        error_messages={"invalid_choice": "Choose one of your team’s monitors, or none."},
    )
    name = forms.CharField(
        label="Name", max_length=100, required=False, help_text="What lists call it. Empty: the monitor, or “Incident”."
    )
    description = forms.CharField(
        label="What is known",
        required=False,
        max_length=MOST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The first entry of its timeline.",
    )
