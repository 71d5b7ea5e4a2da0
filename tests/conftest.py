"""What every test shares: how `hypothesis` is run."""

from __future__ import annotations

import os

from hypothesis import settings

# A shared or slow machine must not fail a test by its clock; the same examples everywhere make a failure repeatable.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
