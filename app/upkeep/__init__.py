"""Keeping an installation well.

backups   copies of a SQLite file, before migrating too, and putting one back
copying   all rows from one database into another
deletion  grids that are deleted: restorable for a while, then gone
doctor    looks at all that a server needs; health: whether it can do its work now
metrics   its numbers
"""
