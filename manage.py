#!/usr/bin/env python3
"""Django's command line. Beside a running `make run` no variable is needed; alone it starts the servers it needs."""

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    own_python = HERE / ".venv" / "bin" / "python"
    if importlib.util.find_spec("django") is None:
        if not own_python.exists():
            sys.exit("The Python packages are not installed yet: `make run` does that.")
        os.execv(own_python, [str(own_python), *sys.argv])  # noqa: S606 - the same command, with the right Python
    from django.core.management import execute_from_command_line

    from uptime import environment
    from uptime.embedded import EmbeddedError
    from uptime.secrets import SecretsError

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "uptime.settings")
    try:
        with environment.for_command(sys.argv):
            execute_from_command_line(sys.argv)
    except (EmbeddedError, SecretsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
