"""What to compute, as expressions over tables and Decimal arithmetic on small results; one module per topic."""
