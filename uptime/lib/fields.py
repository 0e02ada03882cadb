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
