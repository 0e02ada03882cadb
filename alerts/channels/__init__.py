"""The kinds of channels: one module is one kind, found by its name (alerts.channels.base.KINDS)."""
