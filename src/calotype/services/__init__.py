"""The rules: what may be done, in which order, and what must stay true."""
