"""Fixtures of all tests, and the settings of `hypothesis` and torch."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.postgres import Cluster, cluster

# torch reads this when it is imported, here and in child processes. Tiny models are slower with several threads, and
# much slower on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from inference.clip.dual_encoder import Clip
    from inference.moderation.checks import Checks

# No deadline: a busy machine must not fail a test. The same examples everywhere make failures reproducible.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

pytest_plugins = ["tests.support.browser"]


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of tiny checkpoints with random weights; read only."""
    from tests.support.models import tiny

    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    return root


@pytest.fixture(scope="session")
def tiny_clip(tiny_root: Path) -> Clip:
    """Tiny dual encoder with random weights."""
    from inference.clip.dual_encoder import Clip

    return Clip.load(tiny_root / "clip" / "mini")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Temporary PostgreSQL server; skips with a reason where there is none."""
    with cluster() as server:
        yield server


@pytest.fixture
def restore_logging() -> Iterator[None]:
    """Restore handlers and levels of the loggers after the test."""
    root, rooms = logging.getLogger(), [logging.getLogger(name) for name in ("bot", "storage", "inference", "sandbox")]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for room in rooms:
        room.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def tiny_checks(tiny_root: Path, tiny_clip: Clip) -> Checks:
    """Checks with the real NudeNet and random weights otherwise; every photo matches every text."""
    from inference.checkpoints.card import load_card
    from inference.moderation.checks import Checks
    from inference.moderation.texts import ToxicityClassifier

    texts = ToxicityClassifier.load(load_card(tiny_root / "toxicity" / "mini"))
    return Checks.build(tiny_clip, load_card(tiny_root / "clip" / "mini"), texts, None)
