"""Documents with tables of events, the navigator, the filter bar, copying and going somewhere."""
