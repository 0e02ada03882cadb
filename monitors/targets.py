"""What a target says of itself: a name to call it by, and whose servers its checks go to."""

from urllib.parse import urlsplit

from monitors.probes.kinds import KINDS, is_probed
from monitors.wire import split_port
from uptime.lib.domains import is_own, registrable
from uptime.lib.net import is_address


def domain_of(kind: str, target: str) -> str:
    """The registrable domain that is to be spared, "" where nobody needs to be: an address, or a name of one's own
    network. What is judged asks nobody."""
    if kind not in KINDS or not is_probed(KINDS.get(kind)):
        return ""
    host = host_of(target)
    if is_address(host) or is_own(host):
        return ""
    return registrable(host)[:253]


def host_of(target: str) -> str:
    """The host of an address, of a host with a port, or the name as it is; in small letters."""
    host = urlsplit(target).hostname if "://" in target else split_port(target)[0]
    return (host or "").lower().rstrip(".")


def name_of(target: str) -> str:
    """A name for a monitor nobody named: the host of an address, or the target as it is."""
    try:
        host = urlsplit(target).hostname
    except ValueError:
        host = None
    return (host or target)[:100]
