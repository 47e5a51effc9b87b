"""The doctor: what is implausible in a recording, and what this machine can do, in words that one can act on."""
