"""How good the answers are: figures from data sets, for the log and the cards."""
