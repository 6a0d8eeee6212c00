"""Decisions whether a span is a mention: features and logistic models."""
