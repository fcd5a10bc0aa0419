"""The Honesty page: one panel for each honesty check.

A check's own panel is one file here, named after it, with `draw(found, theme)`: it draws with Streamlit what the check found,
figures and tables, below the verdict that the page has already shown. Its settings, its title and what it means are declared in
pairkit/research/registry.py; running it, its progress and its stop are the page's business (page.py).
"""
