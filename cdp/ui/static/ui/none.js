// Stands in for the front end where nobody built it.
