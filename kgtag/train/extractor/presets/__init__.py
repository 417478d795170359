"""Config files that come with kgtag, for `--config NAME`."""
