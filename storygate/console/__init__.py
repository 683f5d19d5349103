"""The console: web pages, on this machine only, to see a stage's runs, and to decide, cancel and retry them."""
