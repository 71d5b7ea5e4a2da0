"""The catalogues of all user-visible sentences (gettext, one folder per language), and their translation."""
