"""What calls cost and may cost.

prices     list prices; own: those that people entered
costs      of calls that were made; estimates: of those to come; ceilings: where it stops
money      amounts in words
"""
