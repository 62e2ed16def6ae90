"""What reviewers say of answers, and in which order they see them.

said       what a label says: its value, tags, a note; which of several counts
labels     giving and taking them; several: many at once
decisions  which label counts, where reviewers differ, the history; undo: taking back by it
review     the order in which one reviewer sees answers; queries: reading that
aliases    names of answers and conditions that tell nothing
"""
