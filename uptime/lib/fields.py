"""Model fields that know no domain."""

from functools import cache
from typing import Any

from django.conf import settings
from django.db import models

from uptime.lib.crypto import Vault


@cache
def _vault(keys: tuple[str, ...]) -> Vault:
    return Vault(keys)


class EncryptedJSONField(models.TextField):  # type: ignore[type-arg]
    """Anything JSON can say, encrypted at rest with settings.FIELD_KEYS (first key writes, all keys read)."""

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else _vault(tuple(settings.FIELD_KEYS)).lock(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else _vault(tuple(settings.FIELD_KEYS)).unlock(value)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: Any) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))


class RealField(models.FloatField):  # type: ignore[type-arg]
    """A number of six digits in four bytes, where rows are many."""

    def db_type(self, connection: Any) -> str:
        return "real"


class Given:
    """For a class of column of rows that are written by the hundred many times a second to begin with.

    What Django makes sure of with every value it stores, such as that a number is one, costs as much as all the rest of
    writing a row of twenty columns. Whoever writes here has made sure of it: the values are of the very type that is
    stored, moments have a time zone. PostgreSQL refuses what does not fit, as ever. Reading and looking for values are
    as usual."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return value

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        """To migrations it is the column it is."""
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{self.get_internal_type()}", args, kwargs  # type: ignore[attr-defined]


class GivenChar(Given, models.CharField):  # type: ignore[type-arg]
    pass


class GivenFloat(Given, models.FloatField):  # type: ignore[type-arg]
    pass


class GivenBoolean(Given, models.BooleanField):  # type: ignore[type-arg]
    pass


class GivenInteger(Given, models.PositiveIntegerField):  # type: ignore[type-arg]
    pass


class GivenSmallInteger(Given, models.PositiveSmallIntegerField):  # type: ignore[type-arg]
    pass


class GivenMoment(Given, models.DateTimeField):  # type: ignore[type-arg]
    pass
