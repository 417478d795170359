"""The tagging pipeline: extract, link, enforce."""
