"""The Telegram bot: receives updates, replies to chats. It knows neither models nor SQL."""
