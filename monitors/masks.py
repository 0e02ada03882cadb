"""Secrets as they may be shown, and what came back from where they were shown."""

MASK = "••••"


def masked(secret):
    """`secret` as it may be shown: text keeps its last four characters, and only if more than as many stay hidden.

    The name of a header is no secret.
    """
    if isinstance(secret, str):
        return secret and MASK + (secret[-4:] if len(secret) > 8 else "")
    if isinstance(secret, list):
        return [masked(each) for each in secret]
    if isinstance(secret, dict):
        return {key: value if key == "name" else masked(value) for key, value in secret.items()}
    return secret


def unmasked(given, stored):
    """`given` with every part that is the mask of a stored part replaced by that part."""
    if isinstance(given, list) and isinstance(stored, list):
        left = list(stored)
        return [_take(left, each) for each in given]
    return stored if stored is not None and given == masked(stored) else given


def _take(left, given):
    for at, each in enumerate(left):
        if masked(each) == given:
            return left.pop(at)
    return given


def holds_mask(value):
    """Whether any part of `value` is still a mask, and so nothing that could be stored."""
    if isinstance(value, list | dict):
        return any(holds_mask(each) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and value.startswith(MASK)
