"""How every status is shown, wherever it is: a word, an icon and a tone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a status is shown: never by colour alone."""

    word: str
    icon: str
    tone: str
    turning: bool = False


LOOKS = {
    "pending": Look("Pending", "circle-dashed", "unknown"),
    "checking": Look("Checking…", "loader-circle", "info", turning=True),
    "waiting": Look("Waiting…", "loader-circle", "info", turning=True),
    "late": Look("Late", "clock", "warn"),
    "up": Look("Up", "circle-check", "ok"),
    "down": Look("Down", "circle-x", "down"),
    "validating": Look("Validating", "refresh-cw", "warn"),
    "confirming": Look("Confirming…", "circle-alert", "warn"),
    "maintenance": Look("Maintenance", "settings", "info"),
    "paused": Look("Paused", "circle-pause", "unknown"),
    "nodata": Look("No data", "circle-help", "unknown"),
    "partial": Look("Partial", "map-pin", "warn"),
    "degraded": Look("Degraded", "triangle-alert", "warn"),
    "flapping": Look("Flapping", "activity", "warn"),
    "online": Look("Online", "circle-check", "ok"),
    "offline": Look("Offline", "wifi-off", "down"),
    "doubted": Look("Not trusted", "triangle-alert", "warn"),
    "never": Look("Never seen", "circle-dashed", "unknown"),
    "off": Look("Off", "circle-pause", "unknown"),
    "unsent": Look("Not sent", "circle-help", "unknown"),
    "silent": Look("No answer", "circle-help", "unknown"),
    "as_known": Look("As known", "circle-check", "ok"),
    "mistaken": Look("Mistaken", "circle-x", "down"),
    "well": Look("Well", "circle-check", "ok"),
    "warning": Look("Warning", "triangle-alert", "warn"),
    "problem": Look("Problem", "circle-x", "down"),
    "unknown": Look("Not known", "circle-help", "unknown"),
    # What pings say
    "success": Look("Success", "circle-check", "ok"),
    "fail": Look("Failure", "circle-x", "down"),
    "start": Look("Start", "play", "info"),
    "log": Look("Log", "info", "unknown"),
    "ignored": Look("Ignored", "circle-dashed", "unknown"),
    "ending": Look("Ends soon", "triangle-alert", "warn"),
    # Where an incident stands
    "started": Look("Started", "circle-x", "down"),
    "acknowledged": Look("Acknowledged", "user", "warn"),
    "unconfirmed": Look("Unconfirmed", "circle-alert", "warn"),
    "resolved": Look("Resolved", "circle-check", "ok"),
}
