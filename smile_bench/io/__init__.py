"""Reading and writing files, strangers' files above all."""
