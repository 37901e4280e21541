"""Pure judgements: evidence in, offending items out."""
