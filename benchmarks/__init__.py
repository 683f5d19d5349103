"""How well storygate does what it exists for, each figure beside its goal: `make bench`."""
