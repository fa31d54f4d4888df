"""Calls that go as lines of a provider's batch jobs."""
