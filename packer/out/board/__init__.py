"""What a terminal shows of a run, a plan and a review."""
