"""Policy documents become a frozen Policy, or every error with its file, line and path."""
