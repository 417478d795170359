"""Jobs: commands of kgtag that run in processes of their own, kept in a directory that all workers read."""
