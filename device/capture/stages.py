"""Stages of learning, which a generator yields as (stage, part done 0 to 1)."""

LEARN, CHECK, SAVE = "learn", "check", "save"
LAYER_1 = 0.05  # the part of LEARN that a training of layer 1 takes
