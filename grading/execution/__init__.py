"""Running students' notebooks, and examining them."""
