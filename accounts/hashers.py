"""How passwords are stored."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with the memory OWASP's Password Storage Cheat Sheet asks for at least: 19 MiB, two passes.

    Django's own 100 MiB for each attempt would let a handful of sign-ins at once exhaust a small machine.
    """

    time_cost = 2
    memory_cost = 19_456  # KiB
    parallelism = 1
