"""Takes in what the outside world did: records it, finds the customer and the case, sends it on its way."""
