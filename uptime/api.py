"""What every REST endpoint shares: bodies in, errors and pages out, the limit of calls, the reference page.

Errors and pages have the shapes Better Stack's clients read: {"errors": text} or {"errors": {field: [text]}}, and a
`pagination` object whose links are absolute and are followed as they stand.
"""

import json
import time
from math import ceil
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.http import Http404
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.generators import SchemaGenerator
from redis.exceptions import RedisError
from rest_framework import exceptions, status
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.views import exception_handler as answer

MAX_ID = 2**63 - 1
CALLS_PER_MINUTE = 1200  # per person; Better Stack's Terraform provider keeps to 8 a second


def exception_handler(exc, context):
    """Every error in the wire's shape. Bad input is 422, an unknown caller 401 with the way to a token."""
    response = answer(exc, context)
    if response is None:
        return None
    if isinstance(exc, exceptions.ValidationError):
        response.status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
        response.data = {"errors": _by_field(response.data)}
    elif response.status_code == status.HTTP_401_UNAUTHORIZED and context["view"].get_authenticators():
        how = f"{settings.BASE_URL}/api/docs#token"
        response.data = {"errors": f"Invalid Team API token. How to find your Team API token: {how}"}
    else:
        response.data = {"errors": str(response.data.get("detail", ""))}
    return response


def _by_field(detail):
    if not isinstance(detail, dict):
        return {"base": [str(text) for text in detail]}
    return {
        name: [str(text) for text in (texts if isinstance(texts, list) else [texts])] for name, texts in detail.items()
    }


class Throttle(BaseThrottle):
    """CALLS_PER_MINUTE for each person; while the cache is away nobody is held up."""

    def allow_request(self, request, view):
        if not request.user.is_authenticated:
            return True
        key = f"calls:{request.user.pk}:{int(time.time()) // 60}"
        try:
            cache.add(key, 0, 120)
            return cache.incr(key) <= CALLS_PER_MINUTE
        except (RedisError, ValueError):
            return True

    def wait(self):
        return 60 - time.time() % 60


class Pagination(BasePagination):
    """`page` and `per_page` in, absolute links out, which keep every other parameter: clients follow `next`."""

    per_page, most = 50, 250

    def paginate_queryset(self, queryset, request, view=None):
        self.request = request
        self.page = self._number("page", 1)
        self.size = min(self._number("per_page", self.per_page), self.most)
        count = queryset.count()
        self.last = max(1, ceil(count / self.size))
        start = (self.page - 1) * self.size
        return list(queryset[start : start + self.size]) if start < count else []

    def _number(self, name, default):
        text = self.request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
            raise exceptions.ValidationError({name: ["Use a whole number from 1 on."]})
        return int(text)

    def get_paginated_response(self, data):
        return Response({"data": data, "pagination": self.links()})

    def links(self):
        before, after = min(self.page - 1, self.last), self.page + 1
        return {
            "first": self._link(1),
            "last": self._link(self.last),
            "prev": self._link(before) if before else None,
            "next": self._link(after) if after <= self.last else None,
        }

    def _link(self, page):
        others = [(k, v) for k, values in self.request.query_params.lists() if k != "page" for v in values]
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode([*others, ('page', page)])}")


def as_id(text):
    """The id somebody typed; None where it can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_ID else None


class ResourceView(APIView):
    """Of one kind of rows, called `noun` in errors: `all` gives those the caller may see, and there are no others."""

    throttle_classes = [Throttle]
    noun = ""

    def all(self, request):
        raise NotImplementedError

    def found(self, request, id):
        pk = as_id(id)
        row = None if pk is None else self.all(request).filter(pk=pk).first()
        if row is None:
            raise self.missing(id)
        return row

    def missing(self, id):
        return Http404(f"Resource type {self.noun} with id = {id} was not found")

    @staticmethod
    def page(request, rows, write, pages=Pagination):
        """A page of `rows`, each as `write` puts it."""
        pagination = pages()
        return pagination.get_paginated_response([write(row) for row in pagination.paginate_queryset(rows, request)])

    @staticmethod
    def checked(body):
        if body.errors:
            raise exceptions.ValidationError(body.errors)
        return body


class TokenScheme(SimpleJWTScheme):
    """Tells the OpenAPI document what the Authorization header takes."""

    target_class = "accounts.authentication.JWT"
    name = "token"


@require_safe
def docs(request):
    """The reference for people, written from the same OpenAPI document programs read."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return render(
        request,
        "api/docs.html",
        {"base_url": settings.BASE_URL, "calls_per_minute": CALLS_PER_MINUTE, **reference(schema)},
    )


def reference(schema):
    """What the page shows of an OpenAPI document: its calls, grouped by their first tag, and its objects."""
    groups: dict[str, list[dict]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            call = _call(schema, method.upper(), path, operation)
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(call)
    objects = [
        {"name": name, "text": _text(part.get("description", "")), "rows": _rows(schema, part)}
        for name, part in schema.get("components", {}).get("schemas", {}).items()
        if part.get("properties")
    ]
    return {"info": schema["info"], "groups": groups, "objects": objects}


def _call(schema, method, path, operation):
    body, example = _content(schema, operation.get("requestBody", {}))
    named = _named(operation.get("requestBody", {}))
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "title": operation.get("summary") or operation["operationId"].replace("_", " ").capitalize(),
        "text": _text(operation.get("description", "")),
        "parameters": [_parameter(schema, each) for each in operation.get("parameters", [])],
        "body": [] if named else _rows(schema, body),
        "body_object": named,
        "curl": _curl(method, path, example, signed=bool(operation.get("security"))),
        "answers": [
            {
                "code": code,
                "text": _text(answer.get("description", "")),
                "example": _json(_content(schema, answer)[1]),
            }
            for code, answer in sorted(operation["responses"].items())
        ],
    }


def _content(schema, part):
    """The schema and the example of a body or an answer in JSON; both may be empty."""
    media = part.get("content", {}).get("application/json", {})
    shape = _resolve(schema, media.get("schema", {}))
    examples = [each.get("value") for each in media.get("examples", {}).values()]
    return shape, examples[0] if examples else _example(schema, shape)


def _example(schema, part):
    """The example of a schema, or one put together from those of its parts; None where there is none."""
    part = _resolve(schema, part)
    if "example" in part:
        return part["example"]
    if part.get("type") == "array":
        item = _example(schema, part.get("items", {}))
        return None if item is None else [item]
    parts = {name: _example(schema, each) for name, each in part.get("properties", {}).items()}
    found = {name: example for name, example in parts.items() if example is not None}
    return found or None


def _named(part):
    """The object a body is, if it has a name."""
    return part.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "").rpartition("/")[2]


def _resolve(schema, part):
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def _parameter(schema, parameter):
    row = _row(schema, parameter["name"], parameter.get("schema", {}), parameter.get("required", False))
    return {**row, "place": parameter["in"], "text": _text(parameter.get("description", ""))}


def _rows(schema, part):
    required = part.get("required", [])
    return [_row(schema, name, each, name in required) for name, each in part.get("properties", {}).items()]


def _row(schema, name, part, required):
    return {
        "name": name,
        "type": _type(schema, part),
        "required": required,
        "read_only": part.get("readOnly", False),
        "text": _text(part.get("description", "")),
        "choices": part.get("enum") or part.get("items", {}).get("enum") or [],
        "default": json.dumps(part["default"], ensure_ascii=False) if "default" in part else "",
    }


def _type(schema, part):
    if "$ref" in part:
        return part["$ref"].rpartition("/")[2]
    name = part.get("type", "object")
    if name == "array":
        name = f"list of {_type(schema, part.get('items', {}))}"
    limits = [f"{word} {part[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in part]
    return " ".join([name, *limits, *(["or null"] if part.get("nullable") else [])])


def _curl(method, path, example, signed):
    lines = [f'curl{"" if method == "GET" else f" -X {method}"} "{settings.BASE_URL}{path}"']
    if signed:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    if example is not None:
        text = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
        lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    return " \\\n  ".join(lines)


def _json(value):
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _text(text):
    """Plain paragraphs in which `words between backticks` are code; everything is escaped."""
    parts = escape(" ".join(text.split())).split("`")
    return mark_safe("".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts)))  # noqa: S308 -- escaped above
