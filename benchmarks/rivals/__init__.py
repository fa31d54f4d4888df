"""Other packers, driven through the same loopback model as our own: see README.md beside this file."""
