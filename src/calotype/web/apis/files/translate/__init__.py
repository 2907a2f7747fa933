"""Between the domain and the Files API's models: pure functions; one module a noun."""
