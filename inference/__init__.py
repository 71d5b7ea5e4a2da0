"""From a seller's photos and attributes to the text of the ad. Knows no Telegram and no database."""
