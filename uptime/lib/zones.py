"""The time zones people may choose."""

from functools import cache
from zoneinfo import available_timezones

_NO_PLACES = {"Factory", "localtime", "posixrules"}  # files of the zone database that name no zone


@cache
def time_zones() -> list[str]:
    return sorted(available_timezones() - _NO_PLACES)
