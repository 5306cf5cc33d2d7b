"""Exact sums of what many boards have learnt: added, taken away, solved, and told in receipts."""
