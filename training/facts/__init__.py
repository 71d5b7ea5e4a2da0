"""Train and calibrate the classifier that reads facts from photos."""
