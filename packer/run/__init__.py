"""The machinery of a run: the sans-I/O flow, its drivers, and the doors."""
