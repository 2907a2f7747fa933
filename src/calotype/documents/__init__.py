"""Documents: recognised, checked and read, without network or database."""
