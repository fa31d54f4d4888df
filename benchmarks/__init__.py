"""What is claimed, measured: ratios in one run, with the command beside the figure."""
