"""Bleed detectors: independent pure functions, one kind a file. Does not know: each other."""
