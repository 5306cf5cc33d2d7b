"""Instructions of a training on the emulated Cortex-M7, and an estimate of its time."""
