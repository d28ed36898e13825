"""What a person sees: the only package that imports rich. All but tables goes to stderr; stdout belongs to results."""
