"""Grids for people who only read.

shares     links, live or to a snapshot, and when they end
snapshots  a grid as it was at one time, as a copy that nobody changes
hiding     what such readers see and what is left out: for pages and for files
"""
