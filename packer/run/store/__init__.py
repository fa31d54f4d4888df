"""What a run writes down: its file, its journal, and the cache that runs share."""
