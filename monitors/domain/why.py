"""A verdict in words, from the facts kept with it (`Transition.why`, `verdict.facts`)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from monitors.domain.region_health import WORDS, Trouble

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def explain(why: Mapping[str, Any], names: Mapping[int, str], reasons: Mapping[int, str]) -> str:
    """One sentence without its full stop; plain text, to be escaped like any other.

    `names` are the regions' names, `reasons` what the regions that voted DOWN saw, in words; both by
    region id, and both may lack some.
    """
    if "sentence" in why:  # of a heartbeat, which no region votes on
        return str(why["sentence"])
    if "silence_ms" in why:
        return f"No round could be decided for {why['silence_ms'] // 60_000} minutes: not measured"
    return "; ".join([_votes(why, names, reasons), *_absent(why, names), *_doubted(why, names), *_streak(why)])


def _votes(why: Mapping[str, Any], names: Mapping[int, str], reasons: Mapping[int, str]) -> str:
    eligible, verdict = why["eligible"], why["verdict"]
    up, down = _who(why, "up"), _who(why, "down")
    if not eligible:
        return "No region could look, so it stays undecided"
    if len(eligible) == 1:
        return _one(eligible[0], why, names, reasons)
    if not down:
        found, ending = f"{len(up)} of {len(eligible)} regions saw it up", ""
    else:
        seen = ", ".join(_name(region, names) + _because(region, reasons) for region in down)
        found = f"{len(down)} of {len(eligible)} regions saw it down ({seen})"
        ending = f"; {why['need']} {'is' if why['need'] == 1 else 'are'} needed"
    if verdict == "up" and down:
        ending += ", so it counts as up"
    if verdict == "nodata":
        ending += f"; {len(eligible) - len(up) - len(down)} could not tell, so it stays undecided"
    return found + ending


def _one(region: int, why: Mapping[str, Any], names: Mapping[int, str], reasons: Mapping[int, str]) -> str:
    vote, name = why["votes"].get(str(region)), _name(region, names)
    if vote == "up":
        return f"{name} saw it up"
    if vote != "down":
        return f"{name} could not tell, so it stays undecided"
    ending = ", but one region alone does not decide that" if why["verdict"] == "nodata" else ""
    return f"{name} saw it down{_because(region, reasons)}{ending}"


def _absent(why: Mapping[str, Any], names: Mapping[int, str]) -> list[str]:
    assigned, eligible = set(why["assigned"]), set(why["eligible"])
    away, others = len(assigned - eligible), sorted(eligible - assigned)
    doubted = {int(region) for region in why.get("doubted", {})}
    if others:
        own = "its own region" if away == 1 else f"its {away} own regions"
        return [f"{own} could not look, so {' and '.join(_name(region, names) for region in others)} did"]
    away = len(assigned - eligible - doubted)
    return [f"{away} of {len(assigned)} regions could not look"] if away and eligible else []


def _doubted(why: Mapping[str, Any], names: Mapping[int, str]) -> list[str]:
    """Why the votes of some regions did not count: {region id: [kind of trouble, since]}."""
    return [
        f"{_name(int(region), names)} is not trusted: {WORDS[Trouble(kind)]} since {_clock(since)}, "
        "so its votes count as no data"
        for region, (kind, since) in sorted(why.get("doubted", {}).items())
    ]


def _clock(moment: int) -> str:
    """To the minute in UTC, which a sentence for everybody is told in."""
    return f"{datetime.fromtimestamp(moment // 1000, UTC):%H:%M} UTC"


def _streak(why: Mapping[str, Any]) -> list[str]:
    """Only a transition has one, and one round after nothing is not worth a word."""
    rounds, said = why.get("rounds", 1), []
    if rounds > len(ORDINALS):
        said.append(f"{rounds} rounds in a row")
    elif rounds > 1:
        said.append(f"{ORDINALS[rounds - 1]} round in a row")
    if why.get("period_s"):
        said.append(f"{(why['slot'] - why['since']) // 1000} s after the first")
    return said


def _who(why: Mapping[str, Any], vote: str) -> list[int]:
    return [int(region) for region, cast in why["votes"].items() if cast == vote]


def _name(region: int, names: Mapping[int, str]) -> str:
    return names.get(region, f"region {region}")


def _because(region: int, reasons: Mapping[int, str]) -> str:
    return f": {reasons[region]}" if region in reasons else ""
