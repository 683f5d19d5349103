"""Measurements of speed, cost and correctness, each figure beside its goal: `make bench`."""
