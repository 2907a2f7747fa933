"""The Files API: uploads, listing and search, variants, trash."""
