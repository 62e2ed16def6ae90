"""What reviewers say of answers, and in which order they see them.

labels     giving and taking them, tags, notes; several: many at once
decisions  which label counts, where reviewers differ, the history; undo: taking back by it
review     the order in which one reviewer sees answers; queries: reading that
aliases    names of answers and conditions that tell nothing
"""
