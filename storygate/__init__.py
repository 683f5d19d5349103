"""storygate's operator tool: `python -m storygate`. Nothing in here ships to Lambda."""
