"""The backend's command, environment and port, and HTTP requests to it."""
