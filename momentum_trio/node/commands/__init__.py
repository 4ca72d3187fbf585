"""The console's commands, one file each; ``node/tables.py`` lists them."""
