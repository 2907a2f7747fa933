"""Migrations, oldest first; each is frozen once it has been released."""
