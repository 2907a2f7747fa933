"""Pictures: recognised, decoded, made smaller and read, without network or database."""
