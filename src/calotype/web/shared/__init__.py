"""HTTP mechanics that every wire format uses."""
