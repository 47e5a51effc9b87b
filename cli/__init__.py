"""One module per verb: parsing, progress and messages, nothing else."""
