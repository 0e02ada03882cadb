"""Verbs on the mail templates of a team."""

import logging
from datetime import datetime

from django.db import Error

from alerts import messages
from alerts.channels import mailtext
from alerts.channels.base import Wording
from alerts.models import Delivery, MailTemplate
from alerts.services.falling_back import tell_owners

logger = logging.getLogger(__name__)


def save(team, event: str, wording: Wording) -> MailTemplate | None:
    """Let a team's mails about `event` be put like this from now on. Where it is ours, nothing is kept, so that ours
    may become better."""
    usual = mailtext.default()
    own = {
        name: "" if getattr(wording, name) == getattr(usual, name) else getattr(wording, name)
        for name in ("subject", "text", "html")
    }
    if not any(own.values()):
        reset(team, event)
        return None
    made, _ = MailTemplate.objects.update_or_create(team=team, event=event, defaults={**own, "problem": ""})
    return made


def reset(team, event: str) -> None:
    """Back to our own."""
    MailTemplate.objects.filter(team=team, event=event).delete()


def report(delivery: Delivery, problem: str, now: datetime) -> None:
    """Write down that a template could not be used, and tell the owners, once for each time it was saved. It is no
    reason not to send what is to be sent: an error of ours goes to the log."""
    try:
        template = MailTemplate.objects.filter(team=delivery.team_id, event=delivery.event).first()
        if template is None:
            return
        MailTemplate.objects.filter(pk=template.pk).update(problem=problem[:500])
        page = messages.link("alerts:mail_template", template.event)
        tell_owners(
            delivery.team_id,
            key=f"template:{template.pk}:{template.updated_at.timestamp():.0f}",
            why="A mail template could not be used",
            note=f"The mail template “{template.label}” does not work\n{problem} Mails are sent in the usual words "
            f"until it is put right: {page}",
            now=now,
        )
    except Error:
        logger.exception("Telling of the mail template of delivery %s", delivery.pk)
