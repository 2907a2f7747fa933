"""Where the bytes are kept: one interface, on this machine's disk or in a bucket."""
