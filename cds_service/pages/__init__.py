"""What people look at in a browser. Every value is escaped by the template; no page runs a script."""
