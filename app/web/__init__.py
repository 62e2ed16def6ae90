"""Handlers: read input, call one function of the domain, render. One file per noun."""
