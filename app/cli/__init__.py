"""What commands do and print; ``app/__main__.py`` lists them with their options.

commands   models, copy, export, people
importing  import-prompts, import-answers
running    run: a probe file, in a terminal
upkeep     backup, restore, doctor
options    what several of them have in common
"""
