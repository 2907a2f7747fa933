"""The HTTP doors: authenticate, parse, call one service, translate the answer."""
