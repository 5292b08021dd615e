"""The commands of `xpcnn`, a file each; `command_group` imports the one that is asked for."""
