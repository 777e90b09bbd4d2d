"""`python -m reliseg`: the command, where the script is not on the path."""

from reliseg.cli import main

main()
