"""Models behind small interfaces: reading text, describing pictures, embedding texts."""
