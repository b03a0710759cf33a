"""The console: a local web page over what a deployed project keeps, to look and not to change."""
