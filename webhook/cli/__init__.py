"""The command: click, what is printed, exit codes. A module here imports click and leaf modules; a command the rest."""
