"""What Django's query language lacks, for queries that name hundreds of rows many times a second, and for locks."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Field, ForeignObject, Func, Lookup, Model


class AnyOf(Lookup):
    """`id__any_of={...}`: what `__in` says, with one parameter in place of one per value, each of which costs time in
    Django, in the driver and in the parser of PostgreSQL. Of a set Django does not even look at each value."""

    lookup_name = "any_of"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return "%s", (list(value),)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} = ANY({right})", (*left_params, *right_params)


class EpochMs(Func):
    """A moment as UTC milliseconds since the epoch, rounded down: as the rules take it, and faster to read."""

    template = "floor(extract(epoch FROM %(expressions)s) * 1000)::bigint"
    output_field = BigIntegerField()

    def get_db_converters(self, connection: Any) -> list[Any]:
        """None: PostgreSQL says a whole number, and psycopg makes it one."""
        return []


def alone(at: str) -> bool:
    """Whether nobody else is `at` it; then nobody will be until the present transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [at])
        return bool(cursor.fetchone()[0])


def upsert(rows: Sequence[Model], unique_fields: Sequence[str], update_fields: Sequence[str]) -> None:
    """Insert rows of one model, or overwrite `update_fields` of those that are there.

    `bulk_create` with `update_conflicts` says the same, where a column is an array with a parameter for each value of
    each row: Django, the driver and the parser of PostgreSQL made half of what judging a round costs of them.
    """
    if not rows:
        return
    meta, quote = rows[0]._meta, connection.ops.quote_name
    fields = meta.concrete_fields
    told = [{field.column: getattr(row, field.attname) for field in fields} for row in rows]
    columns = {field.name: quote(str(field.column)) for field in fields}
    table, names = quote(meta.db_table), ", ".join(columns.values())
    unique, updated = ([columns[name] for name in some] for some in (unique_fields, update_fields))
    statement = (
        f"INSERT INTO {table} ({names}) "  # noqa: S608 - names of the model
        f"SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s) "
        f"ON CONFLICT ({', '.join(unique)}) DO UPDATE SET {', '.join(f'{each} = EXCLUDED.{each}' for each in updated)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(told, default=str)])


def register() -> None:
    """Make `any_of` known to every column; relations have a list of their own."""
    Field.register_lookup(AnyOf)
    ForeignObject.register_lookup(AnyOf)
