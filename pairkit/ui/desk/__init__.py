"""Pages of the desk: a book and what it made, tonight's sheet, and the journal of all of them."""
