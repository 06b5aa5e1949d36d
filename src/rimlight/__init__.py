"""Scores cell-membrane expression on immunohistochemistry slides and shows why."""

__version__ = "0.1.0"
