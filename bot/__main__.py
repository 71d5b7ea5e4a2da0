"""`python -m bot`: the bot on Telegram, as the settings say.

Exit codes: 0 stopped · 1 a bug · 2 a wrong setting, token or address · 4 a checkpoint is missing or broken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence

from bot.app import serve
from bot.logs import set_up
from bot.settings import load_settings
from inference.errors import CheckpointError, UserError
from locales.translate import translate

logger = logging.getLogger("bot")


def main() -> int:
    """Run until a signal; what is wrong is one sentence."""
    # Read by transformers when it is imported: nothing here asks the network, and only errors are worth a line.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    try:
        settings = load_settings()
        return run(serve(settings), settings.log_level, settings.secrets)
    except UserError as error:
        sys.stderr.write(translate(error.message) + "\n")
        return 4 if isinstance(error, CheckpointError) else 2
    except KeyboardInterrupt:
        return 130


def run(work: Coroutine[None, None, None], level: str, hidden: Sequence[str]) -> int:
    """Run the bot to its end and return the exit code; its log holds nothing of `hidden`.

    Raises `UserError` for what the owner can mend.
    """
    set_up(level, hidden)
    try:
        asyncio.run(work)
    except UserError:
        raise
    except Exception:
        logger.exception("the bot ended")  # not a bare traceback: it may hold the token
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
