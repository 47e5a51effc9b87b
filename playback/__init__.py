"""How a person sees and shares a twin."""
