"""Rows: the only place, beside `jobs/`, that speaks SQL."""
