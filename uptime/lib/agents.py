"""The name of a browser for the person who uses it, from its User-Agent header (RFC 9110, 10.1.5)."""

import re

UNKNOWN = "A browser"
# The first that is there says it: browsers name those they are like behind their own name.
PROGRAMS = [
    (r"\bEdg(?:e|A|iOS)?/", "Edge"),
    (r"\bOPR/|\bOpera\b", "Opera"),
    (r"\bVivaldi/", "Vivaldi"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\bFirefox/|\bFxiOS/", "Firefox"),
    (r"\bChromium/", "Chromium"),
    (r"\b(?:Headless)?Chrome/|\bCriOS/", "Chrome"),
    (r"\bVersion/.*\bSafari/|\biPhone\b.*\bAppleWebKit/|\biPad\b.*\bAppleWebKit/", "Safari"),
]
SYSTEMS = [
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bMac OS X\b|\bMacintosh\b", "Mac"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bLinux\b|\bX11\b", "Linux"),
]


def name_of(user_agent: str) -> str:
    """Firefox on Linux; what it does not say is left out."""
    text = user_agent[:500]
    program, system = _first(PROGRAMS, text), _first(SYSTEMS, text)
    return f"{program or UNKNOWN} on {system}" if system else program or UNKNOWN


def _first(known: list[tuple[str, str]], text: str) -> str:
    return next((word for pattern, word in known if re.search(pattern, text)), "")
