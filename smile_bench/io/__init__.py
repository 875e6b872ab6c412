"""Reading and writing files; what is read may come from strangers."""
