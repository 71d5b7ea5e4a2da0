"""Drawn photos of clothes and a few other things, with captions: no real photo is needed for them."""

from training.drawings.captions import caption
from training.drawings.garments import COLORS, ITEMS, PATTERNS, THINGS, Garment, random_garment
from training.drawings.scene import draw

__all__ = ["COLORS", "ITEMS", "PATTERNS", "THINGS", "Garment", "caption", "draw", "random_garment"]
