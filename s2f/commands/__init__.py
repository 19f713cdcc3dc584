"""The commands of `s2f`, a module a family: each has `add_commands(commands)`, and is thin."""
