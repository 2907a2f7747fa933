"""One folder a wire format; none imports another."""
