"""The sections in which a page shows the fields of a monitor's form, and the words of its choices."""

from monitors.probes.thresholds import LIMITS

QUORUMS = {
    "majority": "Most of its regions",
    "any": "Any one region",
    "all": "All of its regions",
    "at_least": "At least a number of regions",
}
COMMON = {
    "What to check": ["kind", "target", "name"],
    "When": ["interval", "timeout"],
    "What counts as up": ["expected_status", "keyword", "keyword_mode", "assertions", *LIMITS],
    "What ends one day": ["certificate_days", "domain_days"],
}
LAST = {
    "Regions and verdict": [
        "regions", "quorum", "at_least", "confirm", "recover", "confirmation_period", "recovery_period",
        "when_blind",
    ],
}  # fmt: skip


def grouped(options, judged):
    """Pairs of a title and the names of its fields: those every monitor has, the groups of the kind's options, and
    what is named nowhere in the section that the options name. `judged`: the kind, if it is one that is."""
    found = {title: list(names) for title, names in (judged.sections if judged else COMMON).items()}
    for title, names in options.groups:
        found.setdefault(title, []).extend(names)
    placed = {name for names in found.values() for name in names}
    found.setdefault(options.section, []).extend(name for name in options.fields if name not in placed)
    return [*found.items(), *({} if judged else LAST).items()]
