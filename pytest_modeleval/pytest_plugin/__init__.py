"""Hooks of pytest that hand over to the other rooms."""
