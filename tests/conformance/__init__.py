"""R1 to R9: the rows of the README's table under "Right and fast", one file of tests each."""
