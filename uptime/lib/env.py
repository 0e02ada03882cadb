"""Reading knobs from the environment, strictly: a value that makes no sense names its variable and what would."""

import os

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


class EnvError(ValueError):
    """An environment variable holds something that cannot be meant."""


def env(name: str, default: str = "") -> str:
    """The variable without white space around it; one that is empty counts as unset."""
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, default: bool) -> bool:
    text = env(name, "1" if default else "0").lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise EnvError(f"{name} is {text!r}: use 1 or 0")


def env_int(name: str, default: int, least: int = 0, most: int | None = None) -> int:
    text = env(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        raise EnvError(f"{name} is {text!r}: use a whole number") from None
    if value < least or (most is not None and value > most):
        raise EnvError(f"{name} is {value}: use a number from {least}{f' to {most}' if most is not None else ''}")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list; empty items are dropped."""
    return [item.strip() for item in env(name, default).split(",") if item.strip()]
