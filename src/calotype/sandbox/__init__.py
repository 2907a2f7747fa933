"""Limited child processes for work on bytes from strangers."""
