"""`ferry`: commands and terminal views."""
