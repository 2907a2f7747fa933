"""Fetching from the network: the only way Calotype opens connections to addresses that clients name."""
