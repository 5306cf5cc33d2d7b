"""What a terminal shows: texts as they are, progress bars, tables."""
