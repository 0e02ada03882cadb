"""How a page groups the fields of a monitor's form, and the words of its choices."""

QUORUMS = {
    "majority": "Most of its regions",
    "any": "Any one region",
    "all": "All of its regions",
    "at_least": "At least a number of regions",
}
# Fields as a page groups them; options of the kind that are named nowhere come in the section its form names.
SECTIONS = {
    "What to check": ["kind", "target", "name"],
    "When": ["interval", "timeout", "schedule", "period", "expression", "time_zone", "grace"],
    "What counts as up": ["expected_status", "keyword", "keyword_mode"],
    "What ends one day": ["certificate_days", "domain_days"],
    "Regions and verdict": [
        "regions", "quorum", "at_least", "confirm", "recover", "confirmation_period", "recovery_period",
        "when_blind",
    ],
}  # fmt: skip
JUDGED_SECTIONS = {"What to wait for": ["kind", "name", "target"], "When": SECTIONS["When"]}
