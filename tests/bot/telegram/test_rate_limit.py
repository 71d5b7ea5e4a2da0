"""The limits hold where Telegram counts: whenever a message arrives between the start and the end of its call."""

from __future__ import annotations

import heapq
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.rate_limit import RateLimiter

CALLS = st.lists(
    st.tuples(
        st.integers(0, 4),  # chat
        st.floats(0, 0.7),  # from the start of the call to the arrival of the message
        st.floats(0, 0.7),  # from the arrival to the end of the call
        st.floats(0, 0.4),  # until the bot looks again
    ),
    max_size=60,
)


def arrivals(limiter: RateLimiter, calls: list[tuple[int, float, float, float]]) -> list[tuple[float, int]]:
    """When each message arrives, with its chat, at a bot that sends whenever it may."""
    now = 0.0
    ends: list[tuple[float, int]] = []
    arrived = []
    for chat_id, there_s, back_s, wait_s in calls:
        now += wait_s
        while True:
            while ends and ends[0][0] <= now:
                at, chat = heapq.heappop(ends)
                limiter.release(chat, at)
            if limiter.count_free(now) and chat_id not in limiter.get_busy_chats(now):
                break
            change = min(limiter.get_next_change(now), ends[0][0] if ends else float("inf"))
            assert change > now, "a bot that waits must be told of a time to come"
            now = change
        limiter.acquire(chat_id)
        arrived.append((now + there_s, chat_id))
        heapq.heappush(ends, (now + there_s + back_s, chat_id))
    return sorted(arrived)


@given(CALLS, st.integers(1, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_no_second_holds_more_messages_than_allowed(
    calls: list[tuple[int, float, float, float]], total: int, chat: float
) -> None:
    arrived = arrivals(RateLimiter(total, chat), calls)
    assert len(arrived) == len(calls)
    for place, (first, _) in enumerate(arrived):
        within = [at for at, _ in arrived[place:] if at < first + 1.0 - 1e-9]
        assert len(within) <= total


@given(CALLS, st.integers(1, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_a_chat_is_left_alone_between_two_messages(
    calls: list[tuple[int, float, float, float]], total: int, chat: float
) -> None:
    arrived = arrivals(RateLimiter(total, chat), calls)
    for chat_id in range(5):
        own = [at for at, of in arrived if of == chat_id]
        assert all(later - earlier >= 1 / chat - 1e-9 for earlier, later in pairwise(own))


def test_a_flood_holds_the_chat_alone() -> None:
    limiter = RateLimiter(30, 1)
    limiter.hold_flooded(1, 0.0, 7.0)
    assert (limiter.get_busy_chats(6.9), limiter.count_free(6.9)) == ({1}, 30)
    assert limiter.get_busy_chats(7.0) == set()


def test_floods_in_two_chats_hold_everybody() -> None:
    limiter = RateLimiter(30, 1)
    limiter.hold_flooded(1, 0.0, 3.0)
    limiter.hold_flooded(2, 1.0, 5.0)
    assert (limiter.count_free(4.9), limiter.get_next_change(4.0)) == (0, 5.0)
    assert limiter.count_free(5.0) == 30


def test_a_flood_that_is_over_does_not_count() -> None:
    limiter = RateLimiter(30, 1)
    limiter.hold_flooded(1, 0.0, 3.0)
    limiter.hold_flooded(2, 4.0, 6.0)
    assert limiter.count_free(5.0) == 30


def test_a_free_bot_waits_for_nothing() -> None:
    limiter = RateLimiter(2, 1)
    assert limiter.get_next_change(0.0) == float("inf")
    limiter.acquire(1)
    limiter.release(1, 0.5)
    assert limiter.get_next_change(0.5) == 1.5
