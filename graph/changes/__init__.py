"""What changes a taxonomy, and how changes are checked, recorded, explained and taken back."""
