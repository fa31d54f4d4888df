"""What packing does to the answers of a task, measured outside of any run."""
