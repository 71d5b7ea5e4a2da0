"""What every test shares: how `hypothesis` is run, and tiny checkpoints."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.postgres import Cluster, cluster

# Read by torch when it is imported, here and in the processes that tests start: for models this small a second thread
# costs more than it brings, and many times more on a machine that does other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from inference.clip.dual_encoder import Clip
    from inference.moderation.checks import Checks

# A shared or slow machine must not fail a test by its clock; the same examples everywhere make a failure repeatable.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

pytest_plugins = ["tests.support.browser"]


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of checkpoints with random weights; to be read only."""
    from tests.support.models import tiny

    root = tmp_path_factory.mktemp("checkpoints")
    tiny.save_root(root)
    return root


@pytest.fixture(scope="session")
def tiny_clip(tiny_root: Path) -> Clip:
    """A dual encoder with random weights, loaded as any other."""
    from inference.clip.dual_encoder import Clip

    return Clip.load(tiny_root / "clip" / "mini")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL that is gone after the tests; skips, and says why, where there can be none."""
    with cluster() as server:
        yield server


@pytest.fixture
def log_put_back() -> Iterator[None]:
    """Puts the log back as pytest had it."""
    root, rooms = logging.getLogger(), [logging.getLogger(name) for name in ("bot", "storage", "inference", "sandbox")]
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for room in rooms:
        room.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def tiny_checks(tiny_root: Path, tiny_clip: Clip) -> Checks:
    """NudeNet as it is, and the other checks with random weights; every photo matches every text."""
    from inference.checkpoints.registry import load_card
    from inference.moderation.checks import Checks
    from inference.moderation.texts import TextModeration

    texts = TextModeration.load(load_card(tiny_root / "toxicity" / "mini"))
    return Checks.of(tiny_clip, load_card(tiny_root / "clip" / "mini"), texts, None)
