"""The commands about runs, one module each; what they do it with lies beside this package."""
