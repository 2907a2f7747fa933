"""The Vision API: images (later videos) in the wire format of a hosted product."""
