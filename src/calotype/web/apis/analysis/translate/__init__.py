"""Pure functions between the Analysis API and the domain."""
