"""Records a run's output, crashes and resources, and explains them."""
