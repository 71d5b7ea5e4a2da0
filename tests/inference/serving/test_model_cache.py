"""What is in memory: the least recently used makes room, what is needed stays."""

from __future__ import annotations

import pytest

from inference.serving.model_cache import ModelCache


@pytest.fixture
def shelf() -> ModelCache[str]:
    """Three of 30 bytes, of which `a` was used last, where 100 fit."""
    shelf: ModelCache[str] = ModelCache(100)
    for name in ("a", "b", "c"):
        assert shelf.make_room(30, ())
        shelf.put(name, f"model {name}", 30)
    assert shelf.take("a") == "model a"
    return shelf


def kept(shelf: ModelCache[str]) -> str:
    return "".join(name for name in "abc" if name in shelf)


def test_nothing_is_dropped_while_there_is_room(shelf: ModelCache[str]) -> None:
    assert shelf.make_room(10, ())
    assert kept(shelf) == "abc"


def test_what_is_dropped_is_gone_and_may_be_dropped_again(shelf: ModelCache[str]) -> None:
    shelf.drop("b")
    shelf.drop("b")
    assert kept(shelf) == "ac"
    assert shelf.make_room(40, "ac")


def test_the_least_recently_used_goes_first(shelf: ModelCache[str]) -> None:
    assert shelf.make_room(30, ())
    assert kept(shelf) == "ac"


def test_no_more_is_dropped_than_is_needed(shelf: ModelCache[str]) -> None:
    assert shelf.make_room(60, ())
    assert kept(shelf) == "a"


def test_what_is_needed_stays(shelf: ModelCache[str]) -> None:
    assert shelf.make_room(30, {"b"})
    assert kept(shelf) == "ab"


def test_where_it_would_not_fit_nothing_is_dropped(shelf: ModelCache[str]) -> None:
    assert not shelf.make_room(90, {"b"})
    assert kept(shelf) == "abc"


def test_one_larger_than_all_the_room_stands_alone(shelf: ModelCache[str]) -> None:
    assert shelf.make_room(1000, ())
    assert kept(shelf) == ""


def test_one_that_is_put_again_is_counted_once(shelf: ModelCache[str]) -> None:
    shelf.put("a", "newer", 40)
    assert shelf.take("a") == "newer"
    assert shelf.make_room(0, ())
    assert kept(shelf) == "abc"
