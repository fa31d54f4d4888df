"""Ground floor: frozen data, protocols and errors. Does no I/O and knows no provider."""
