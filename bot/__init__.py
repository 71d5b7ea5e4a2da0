"""The Telegram bot: chats in, replies out. It knows no model and no SQL."""
