"""What other apps' pages show of alerts, without these apps knowing of any."""

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.utils import timezone

from alerts import queries
from alerts.models import Delivery

register = template.Library()


@register.inclusion_tag("alerts/_hearing.html", takes_context=True)
def hearing(context, monitor):
    """Who would be told about a monitor, on its page; loud where nobody would."""
    shell = context["shell"]
    found = queries.hearing(monitor)
    return {"monitor": monitor, "hearing": found, "shell": shell}


@register.filter
def untold(monitor, shell):
    """Why nobody would be told about a monitor; empty when somebody would."""
    return shell.unheard.problems(monitor)


@dataclass(frozen=True)
class Told:
    """A message, as an entry of a timeline."""

    delivery: Delivery
    at: datetime


@register.simple_tag
def with_messages(entries, incident):
    """The timeline of an incident together with who was told when, in order."""
    incident.told = list(queries.ledger(incident))  # read once for the page
    told = [Told(each, each.finished_at or each.due_at) for each in incident.told]
    return sorted([*entries, *told], key=lambda entry: entry.at)


@register.inclusion_tag("alerts/_ledger.html")
def ledger(incident):
    """Who was told what of an incident, and what is still to come."""
    return {
        "deliveries": incident.told if hasattr(incident, "told") else queries.ledger(incident),
        "waiting": queries.waiting(incident, timezone.now()),
        "incident": incident,
    }
