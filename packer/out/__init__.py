"""What people see: the command line. Imported by nothing below it."""
