"""Jobs: queued in the transaction of the rows they belong to, by Procrastinate."""
