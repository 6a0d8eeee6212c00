"""Dependence measures from tables to output rows."""
