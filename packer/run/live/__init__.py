"""Calls that are made now: whose turn it is, what they may use up, what became of each."""
