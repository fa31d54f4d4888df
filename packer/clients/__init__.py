"""Clients: one prompt out, one completion back. SDKs are imported when used, never at start."""
