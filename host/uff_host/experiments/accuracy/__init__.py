"""Accuracy over classes and images: µFF as the device computes it, beside baselines."""
