"""Puts into the wheel what lies beside the package: pages, documents, server settings, demo snapshot. The rest is in pyproject.toml."""

from setuptools import find_packages, setup

BESIDE = {
    "pairkit._bundled.books": "books",
    "pairkit._bundled.pages": "pages",
    "pairkit._bundled.docs": "docs",
    "pairkit._bundled.snapshots.demo": "snapshots/demo",
    "pairkit._bundled.streamlit": ".streamlit",
}

setup(
    packages=[*find_packages(include=["pairkit*"]), *BESIDE],
    package_dir=BESIDE,
    package_data={
        "pairkit": [
            "py.typed",
            "**/*.json",
            "locale/*.pot",
            "locale/*/LC_MESSAGES/*",
            "ui/*.png",
            "ui/*.svg",
            "ui/*.js",
            "ui/*.css",
            "ui/*.html",
            "**/templates/*",
        ],
        "pairkit._bundled.docs": ["*.md", "*.png"],
        "pairkit._bundled.books": ["demo-book.json"],
        "pairkit._bundled.snapshots.demo": ["*"],
        "pairkit._bundled.streamlit": ["config.toml"],
    },
)
