"""Methods by which the bot receives updates, files and presses of buttons."""

from __future__ import annotations

import re

from yarl import URL

from sandbox.api.parameters import Parameters
from sandbox.loopback import is_loopback
from sandbox.state.telegram import Telegram
from sandbox.state.types import BotApiError, Json, bad_request
from sandbox.state.webhook import Webhook

POLL_LIMIT = 100
POLL_TIMEOUT_S = 50
CONNECTIONS = 40
ANSWER_LIMIT = 200
SECRET = re.compile(r"[A-Za-z0-9_-]*")
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


async def get_updates(telegram: Telegram, given: Parameters) -> list[Json]:
    """Handle `getUpdates` with long polling; 409 while a webhook is set, and when a newer poll arrives."""
    if telegram.webhook is not None:
        raise BotApiError(409, WEBHOOK_ACTIVE)
    telegram.updates.allow(given.names("allowed_updates"))
    limit = min(max(given.number("limit", POLL_LIMIT), 1), POLL_LIMIT)
    timeout = min(max(given.number("timeout"), 0), POLL_TIMEOUT_S)
    return await telegram.updates.poll(given.number("offset"), limit, timeout)


async def set_webhook(telegram: Telegram, given: Parameters) -> bool:
    """Handle `setWebhook`, to this machine only, over http or https; an empty URL deletes it."""
    if not given.text("url"):
        return await delete_webhook(telegram, given)
    url = webhook_url(given)
    if len(given.text("secret_token")) > 256:
        raise bad_request("secret token is too long")
    if not SECRET.fullmatch(given.text("secret_token")):
        raise bad_request("secret token contains unallowed characters")
    await delete_webhook(telegram, given)
    telegram.updates.allow(given.names("allowed_updates"))
    telegram.updates.interrupt("Conflict: terminated by setWebhook request")
    connections = min(max(given.number("max_connections", CONNECTIONS), 1), 100)
    telegram.webhook = Webhook(telegram.updates, url, given.text("secret_token"), connections, telegram.webhook_pause_s)
    return True


def webhook_url(given: Parameters) -> str:
    """Return the URL to deliver to; 400 for a malformed one or one outside this machine."""
    try:
        url = URL(given.text("url"))
    except ValueError:
        raise bad_request("invalid webhook URL specified") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise bad_request("invalid webhook URL specified")
    if not is_loopback(url.host):
        raise bad_request("bad webhook: the sandbox delivers to this machine only")
    return str(url)


async def delete_webhook(telegram: Telegram, given: Parameters) -> bool:
    """Handle `deleteWebhook`."""
    if telegram.webhook is not None:
        webhook, telegram.webhook = telegram.webhook, None
        await webhook.close()
    if given.flag("drop_pending_updates"):
        telegram.updates.drop()
    return True


async def get_webhook_info(telegram: Telegram, given: Parameters) -> Json:
    """Handle `getWebhookInfo`."""
    none = {"url": "", "has_custom_certificate": False, "pending_update_count": telegram.updates.waiting}
    info = none if telegram.webhook is None else telegram.webhook.info
    allowed = telegram.updates.allowed
    return info if allowed is None else {**info, "allowed_updates": sorted(allowed)}


async def answer_callback_query(telegram: Telegram, given: Parameters) -> bool:
    """Handle `answerCallbackQuery`."""
    if len(given.text("text")) > ANSWER_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    answer = {"text": given.text("text"), "show_alert": given.flag("show_alert"), "url": given.text("url")}
    user = telegram.callbacks.answer(given.text("callback_query_id"), answer)
    telegram.events.publish("callback", user, {"id": given.text("callback_query_id"), **answer})
    return True


async def get_file(telegram: Telegram, given: Parameters) -> Json:
    """Handle `getFile`."""
    if not given.text("file_id"):
        raise bad_request("file_id not specified")
    return telegram.files.link(given.text("file_id"))
