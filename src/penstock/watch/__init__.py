"""What there is to know of a deployed project, read from a desk: its feeds' states, its alarms, its logs."""
