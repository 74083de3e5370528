"""What students run: diagnosis, hand-in check, update, Colab."""
