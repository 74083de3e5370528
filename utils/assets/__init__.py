"""Archives of pinned packages, and what is made once from them and kept."""
