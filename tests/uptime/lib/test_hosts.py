"""A site tried out in a local network answers to the names and the address others reach this machine by."""

import socket

from uptime.lib.hosts import own_names


def test_a_machine_knows_its_name_and_never_an_empty_one():
    assert socket.gethostname().lower() in own_names()
    assert all(own_names())


def test_without_a_network_the_address_is_left_out(monkeypatch):
    def unreachable(self, address):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    assert socket.gethostname().lower() in own_names()
