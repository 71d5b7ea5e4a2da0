"""Data sets in, checkpoints out."""
