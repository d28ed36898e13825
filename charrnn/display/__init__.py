"""What a person sees: the only room that imports rich. All but tables goes to stderr; stdout belongs to results."""
