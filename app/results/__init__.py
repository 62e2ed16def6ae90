"""What the labels of a grid say: measures, effects, patterns, agreement.

``choice`` what is asked for, as addresses have it; ``book`` the labels by column and prompt;
``lines`` measures with their intervals; ``effects`` what changed between two conditions;
``words`` the same in plain sentences; ``patterns`` what repeats do; ``agreement`` how far reviewers
agree; ``report`` all of it, as pages, the API, the CSV and the figures have it.
"""
