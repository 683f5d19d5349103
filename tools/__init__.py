"""What maintainers run: it writes files of this repository anew."""
