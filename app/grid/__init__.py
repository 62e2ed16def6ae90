"""One grid as people look at it: what is known of its answers, which are shown, and how.

look     how it is looked at, from and to its address: levels, folds, order, filters
facts    what is known of all its answers without their texts, kept in memory
found    what only the database can tell of them: texts, who labelled what
filter   which of them match; tally: what is counted of them
queries  rows with their texts; shape: what stands around them
view     both, shaped for display; chips: one repeat; answer: one answer whole
places   where an answer stands
"""
