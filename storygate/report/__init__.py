"""The report of one run: its graph, its times, its decision."""
