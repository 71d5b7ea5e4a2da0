"""The `opisalka` command."""
