"""Measures and their uncertainty: numbers in, numbers out. Knows of no database and no page."""
