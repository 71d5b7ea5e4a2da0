"""Train checkpoints from data-set folders."""
