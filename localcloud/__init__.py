"""An AWS on one machine: moto's server and Chalice's dev server, with what moto lacks added one file per gap."""
