"""What notebooks show: tables as HTML, and the progress of an evaluation."""
