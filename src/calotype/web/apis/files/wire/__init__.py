"""The Files API's models, key by key as they stand on the wire; one module a noun."""
