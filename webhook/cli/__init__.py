"""The command line: click commands, their output, exit codes. Commands import the rest of the package when called."""
