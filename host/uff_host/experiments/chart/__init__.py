"""Accuracy over the instructions of a training."""
