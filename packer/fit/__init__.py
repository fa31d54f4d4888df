"""What speaks against packing, told from inputs and task alone."""
