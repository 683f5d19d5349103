"""What the handlers of app.py do: one module per outside system. Every function is handed its clients."""
