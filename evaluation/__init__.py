"""Metrics of generated texts and of the models that judge, for the log and the cards."""
