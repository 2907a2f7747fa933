"""The models of the Devices API, exactly as on the wire; one module a noun."""
