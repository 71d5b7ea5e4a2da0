"""Three checks of a listing: its photos, its text, and whether the two belong together."""
