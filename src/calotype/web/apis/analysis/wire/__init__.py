"""Requests and answers of the Analysis API, key by key."""
