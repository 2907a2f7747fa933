"""The Analysis API: live results and credits."""
