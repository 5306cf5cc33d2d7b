"""Exact sums of what many boards have learnt: added, taken away, solved, listed in receipts."""
