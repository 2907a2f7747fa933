"""The Devices API: images and annotations from the edge, and what runs a fleet (README.md)."""
