"""Files and dataframes: rows in, answers beside their rows out."""
