"""The names this machine answers to, as far as it knows them itself."""

import socket


def own_names() -> list[str]:
    """Host name, full name and the address other machines most likely reach us at."""
    names = {socket.gethostname(), socket.getfqdn(), _address()}
    return sorted(name.lower() for name in names if name)


def _address() -> str:
    """The source address of packets to a stranger; connecting a datagram socket sends none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737: nobody is there
            return str(probe.getsockname()[0])
        except OSError:
            return ""
