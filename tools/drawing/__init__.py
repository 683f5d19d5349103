"""The layout of the workflow's drawing: boxes and arrows placed by elkjs, which needs Node."""
