"""The command line `uff`: arguments, one table of commands, and what they print."""
