"""Promises: what was tried for them, what holds, and which pack size follows."""
