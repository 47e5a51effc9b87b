"""Who stands in which relation to whom, when."""
