"""Between the domain and the models of the Devices API: pure functions, one module a noun."""
