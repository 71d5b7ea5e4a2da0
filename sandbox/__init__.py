"""A local Telegram for one bot: the Bot API over HTTP, simulated users, and a web chat. It is not Telegram."""
