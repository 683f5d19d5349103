"""The commands, one module each, named as the command: parse the arguments, call one function, show its result."""
