"""`manage.py doctor`: how every part of the pipeline is, and what to do where it is not well."""

import json
import sys
from dataclasses import asdict
from datetime import datetime

from django.conf import settings
from django.core.management import BaseCommand
from django.db import connections
from django.utils import timezone

from uptime.lib.deadline import ask
from uptime.pipeline.flow import at
from uptime.pipeline.gather import gather
from uptime.pipeline.parts import Part, Severity, Snapshot
from uptime.pipeline.words import plain

PATIENCE_S = 12.0  # each question has its own limit; this one is for what nobody thought of
MARKS = {"well": "ok     ", "warning": "WARNING", "problem": "PROBLEM", "unknown": "unknown"}
WELL, WARNINGS, PROBLEMS = 0, 1, 2


class Command(BaseCommand):
    help = (
        "Look into the pipeline. Exit status: 0 when all is well, 2 when something keeps sites from being watched, "
        "with --strict also 1 when there are warnings."
    )
    requires_system_checks = []  # it has to speak while the servers are away

    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true", help="Print everything as JSON.")
        parser.add_argument("--quiet", action="store_true", help="Print only what is not well.")
        parser.add_argument("--strict", action="store_true", help="Exit with 1 when there are warnings.")

    def handle(self, *args, strict, **options):
        snapshot = look()
        if options["json"]:
            self.stdout.write(json.dumps(as_json(snapshot), indent=2))
        else:
            self._print(snapshot, options["quiet"])
        if snapshot.state == "problem":
            sys.exit(PROBLEMS)
        if snapshot.state == "warning" and strict:
            sys.exit(WARNINGS)

    def _print(self, snapshot: Snapshot, quiet: bool) -> None:
        if not quiet:
            self.stdout.write(f"Uptime {settings.VERSION}, looked at on {at(snapshot.at)}\n")
        for part in snapshot.parts:
            if part.problems or not quiet:
                self._print_part(part, snapshot.at)
        if not quiet:
            self.stdout.write(summary(snapshot))

    def _print_part(self, part: Part, now: datetime) -> None:
        style = {"problem": self.style.ERROR, "warning": self.style.WARNING}.get(part.state, str)
        known = [figure for figure in part.figures if figure.value is not None]
        figures = "; ".join(f"{figure.label} {plain(figure, now)}" for figure in known)
        self.stdout.write(f"{style(MARKS[part.state])}  {part.title}{': ' if figures else ''}{figures}")
        for problem in part.problems:
            self.stdout.write(f"           {problem.sentence}")
            self.stdout.write(f"           -> {problem.hint}")
            self.stdout.write(f"              More: docs/troubleshooting.md, “{problem.see}”")


def look() -> Snapshot:
    """The state of everything, or of nothing when that hangs."""
    try:
        return ask("pipeline", _gather).result(PATIENCE_S)
    except TimeoutError:
        part = Part("pipeline", "Pipeline", known=False)
        part.fail(
            f"It could not be looked at within {PATIENCE_S:.0f} s.",
            "Look whether PostgreSQL and the broker answer at all.",
            "The database is slow or away",
        )
        return Snapshot(timezone.now(), [part])


def _gather() -> Snapshot:
    try:
        return gather()
    finally:
        connections.close_all()  # those of this thread, which ends here


def as_json(snapshot: Snapshot) -> dict:
    parts = [{"state": part.state, **asdict(part)} for part in snapshot.parts]
    for part in parts:
        part["figures"] = [_figure(figure) for figure in part["figures"]]
    return {"version": settings.VERSION, "at": snapshot.at.isoformat(), "state": snapshot.state, "parts": parts}


def _figure(figure: dict) -> dict:
    value = figure["value"]
    shown = {**figure, "value": value.isoformat() if isinstance(value, datetime) else value}
    return {name: shown[name] for name in ("label", "value", "unit", "full")}


def summary(snapshot: Snapshot) -> str:
    counted = [(len(snapshot.problems(each)), each.value) for each in (Severity.PROBLEM, Severity.WARNING)]
    said = " and ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counted if count)
    return f"\n{said.capitalize()}." if said else "\nAll is well."
