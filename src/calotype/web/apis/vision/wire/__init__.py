"""Models of the Vision API, key by key as on the wire."""
