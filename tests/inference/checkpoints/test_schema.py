"""Tables of cards and settings become data classes: strict types, defaults, and an error that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Le, MinLen

from inference.checkpoints.schema import FieldError, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One field of each kind that cards and settings use."""

    name: Annotated[str, MinLen(1)]
    languages: tuple[str, ...] = ()
    share: Annotated[float, Ge(0), Le(1)] = 0.5
    photos: Annotated[int, Ge(1)] = 1
    dtype: Literal["", "float16"] = ""
    data: Mapping[str, object] = field(default_factory=dict)


def test_missing_fields_keep_their_defaults() -> None:
    assert validate(Table, {"name": "a"}) == Table(name="a")


def test_arrays_become_tuples_and_integers_become_floats() -> None:
    table = validate(Table, {"name": "a", "languages": ["ru", "en"], "share": 1, "data": {"rows": 5}})
    assert table == Table(name="a", languages=("ru", "en"), share=1.0, data={"rows": 5})
    assert isinstance(table.share, float)


@pytest.mark.parametrize(
    ("table", "invalid"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": 1}, "name"),
        ({"name": "a", "size": 1}, "size"),
        ({"name": "a", "photos": "1"}, "photos"),
        ({"name": "a", "photos": True}, "photos"),
        ({"name": "a", "photos": 1.0}, "photos"),
        ({"name": "a", "share": float("nan")}, "share"),
        ({"name": "a", "languages": "ru"}, "languages"),
        ({"name": "a", "languages": [1]}, "languages"),
        ({"name": "a", "dtype": "float64"}, "dtype"),
        ({"name": "a", "data": []}, "data"),
    ],
)
def test_an_invalid_field_is_named(table: Mapping[str, object], invalid: str) -> None:
    with pytest.raises(FieldError) as raised:
        validate(Table, table)
    assert (raised.value.field, raised.value.limits) == (invalid, None)


def test_a_missing_field_is_named_before_all_others() -> None:
    with pytest.raises(FieldError) as raised:
        validate(Table, {"photos": "1", "size": 1})
    assert raised.value.field == "name"


@pytest.mark.parametrize(
    ("table", "limits"), [({"share": 1.5}, (0, 1)), ({"share": -1}, (0, 1)), ({"photos": 0}, (1, float("inf")))]
)
def test_a_number_out_of_range_comes_with_its_limits(table: Mapping[str, object], limits: tuple[float, float]) -> None:
    with pytest.raises(FieldError) as raised:
        validate(Table, {"name": "a", **table})
    assert (raised.value.field, raised.value.limits) == (next(iter(table)), limits)
