"""The cache evicts the least recently used models and keeps those in use."""

from __future__ import annotations

import pytest

from inference.serving.model_cache import ModelCache


@pytest.fixture
def cache() -> ModelCache[str]:
    """Three models of 30 bytes in a cache of 100, of which `a` was used last."""
    cache: ModelCache[str] = ModelCache(100)
    for name in ("a", "b", "c"):
        assert cache.evict_for(30, ())
        cache.put(name, f"model {name}", 30)
    assert cache.get("a") == "model a"
    return cache


def list_names(cache: ModelCache[str]) -> str:
    return "".join(name for name in "abc" if name in cache)


def test_nothing_is_evicted_while_it_fits(cache: ModelCache[str]) -> None:
    assert cache.evict_for(10, ())
    assert list_names(cache) == "abc"


def test_evicting_twice_is_no_error(cache: ModelCache[str]) -> None:
    cache.evict("b")
    cache.evict("b")
    assert list_names(cache) == "ac"
    assert cache.evict_for(40, "ac")


def test_the_least_recently_used_is_evicted_first(cache: ModelCache[str]) -> None:
    assert cache.evict_for(30, ())
    assert list_names(cache) == "ac"


def test_no_more_is_evicted_than_necessary(cache: ModelCache[str]) -> None:
    assert cache.evict_for(60, ())
    assert list_names(cache) == "a"


def test_a_model_in_use_stays(cache: ModelCache[str]) -> None:
    assert cache.evict_for(30, {"b"})
    assert list_names(cache) == "ab"


def test_nothing_is_evicted_when_the_model_would_not_fit(cache: ModelCache[str]) -> None:
    assert not cache.evict_for(90, {"b"})
    assert list_names(cache) == "abc"


def test_a_model_larger_than_the_cache_is_alone_in_it(cache: ModelCache[str]) -> None:
    assert cache.evict_for(1000, ())
    assert list_names(cache) == ""


def test_a_replaced_model_counts_once(cache: ModelCache[str]) -> None:
    cache.put("a", "newer", 40)
    assert cache.get("a") == "newer"
    assert cache.evict_for(0, ())
    assert list_names(cache) == "abc"
