"""Pictures of results as SVG: numbers in, markup out. Knows of no database and no page.

A module for each picture has what it is given, as dataclasses, and the function that draws it, of
the same name as the module. All take ``width`` (px, natural size; below 560 a narrow layout) and
``prefix`` (begins every id; two pictures on one page need two).

A page shows both layouts and static/css/figures.css which one has room:

    <figure class="figure">{{ bars(rows, 720, "bars-wide") }}{{ bars(rows, 360, "bars") }}</figure>

What comes back is safe to stand there as it is; as a file it is an SVG that needs nothing else.
"""
