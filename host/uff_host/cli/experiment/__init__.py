"""The commands `uff experiment …`, which make the figures of the documentation."""
