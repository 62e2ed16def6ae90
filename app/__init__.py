"""Bluffcheck: side-by-side sanity checks of language models."""

__version__ = "0.1.0"
