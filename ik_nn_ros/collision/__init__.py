"""Keep-out zones and the distances of the links from them."""
