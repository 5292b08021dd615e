"""CSV files: which column is the label, which are pixels, ids or names of pictures."""
