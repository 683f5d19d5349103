"""An AWS on one machine: moto's server and Chalice's dev server, with what moto lacks added one file per gap."""


class LocalCloudError(Exception):
    """The local cloud cannot start; the message says why, and what to do."""
