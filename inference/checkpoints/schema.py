"""Validate the tables of cards and settings with pydantic.

The data classes stay plain ones and pydantic is imported here alone: it takes 0.1 s, which `opisalka --help` does
not wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, TypeVar, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

T = TypeVar("T")

STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class FieldError(ValueError):
    """A field of a table is missing, unknown or invalid. `limits` is (least, most) of a number outside its range."""

    def __init__(self, field: str, limits: tuple[float, float] | None = None) -> None:
        super().__init__(field)
        self.field = field
        self.limits = limits


def validate(kind: type[T], table: Mapping[str, object]) -> T:
    """Return the data class `kind` built from a parsed TOML table; arrays become tuples.

    Types are strict: `true` is no number and `"1"` neither, but 1 is a float. Raises `FieldError` for the first
    invalid field; a missing field goes before all others.
    """
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    try:
        validated = _model(kind).model_validate(values)
    except ValidationError as error:
        first = min(error.errors(), key=lambda each: each["type"] != "missing")
        name = str(first["loc"][0])
        is_range = first["type"] in ("greater_than_equal", "less_than_equal")
        raise FieldError(name, _limits(_model(kind), name) if is_range else None) from error
    return kind(**{name: getattr(validated, name) for name in validated.model_fields_set})


def _model(kind: type[T]) -> type[BaseModel]:
    return _build_model(cast(Any, kind))  # a class is hashable, which the types of `cache` do not know


@cache
def _build_model(kind: Any) -> type[BaseModel]:
    """Return a pydantic model with the fields, types and defaults of a data class."""
    hints = get_type_hints(kind, include_extras=True)
    columns: dict[str, Any] = {}
    for each in fields(kind):
        default = each.default if each.default_factory is MISSING else Field(default_factory=each.default_factory)
        columns[each.name] = (hints[each.name], ... if default is MISSING else default)
    # The generated class is never instantiated by name: field names like `data` or `settings` cannot clash.
    return create_model(kind.__name__, __config__=STRICT, **columns)


def _limits(model: type[BaseModel], name: str) -> tuple[float, float]:
    metadata = model.model_fields[name].metadata
    bounds = {key: getattr(each, key) for each in metadata for key in ("ge", "le") if hasattr(each, key)}
    return bounds.get("ge", float("-inf")), bounds.get("le", float("inf"))
