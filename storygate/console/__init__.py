"""The console: a web page on this machine alone that shows a stage's runs, and decides, cancels and retries them."""
