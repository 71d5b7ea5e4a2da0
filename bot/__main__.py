"""Run the bot on Telegram: `python -m bot`, configured by the environment and `.env`.

Exit codes: 0 stopped · 1 a bug · 2 a wrong setting, token or address · 4 a checkpoint is missing or broken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence

from bot.app import serve
from bot.logs import configure_logging
from bot.settings import load_settings
from inference.errors import CheckpointError, UserError
from locales.translate import translate

logger = logging.getLogger("bot")


def main() -> int:
    """Run the bot until a signal and return the exit code; print errors that the operator can fix as one sentence."""
    # transformers reads these when it is imported: the bot never goes online for a model, and logs errors only.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    try:
        settings = load_settings()
        return run(serve(settings), settings.log_level, settings.secrets)
    except UserError as error:
        sys.stderr.write(translate(error.message) + "\n")
        return 4 if isinstance(error, CheckpointError) else 2
    except KeyboardInterrupt:
        return 130


def run(coroutine: Coroutine[None, None, None], level: str, hidden: Sequence[str]) -> int:
    """Run the bot to its end and return the exit code; mask every string of `hidden` in the log.

    Raises `UserError` for errors that the operator can fix.
    """
    configure_logging(level, hidden)
    try:
        asyncio.run(coroutine)
    except UserError:
        raise
    except Exception:
        logger.exception("the bot ended")  # through the formatter: a bare traceback may contain the token
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
