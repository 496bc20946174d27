"""What agents do at their desks: be ready, accept, answer, note, wrap up."""
