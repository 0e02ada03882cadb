"""Which Uptime this is: in the User-Agent of checks, in signs of life, in the footer."""

VERSION = "0.1.0"
