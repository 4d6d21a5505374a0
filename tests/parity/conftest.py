"""Keeps the corpus's own entry, which compares whatever ``PARITY_SDK`` names, out of this project's suite."""

collect_ignore = ["test_parity.py"]
