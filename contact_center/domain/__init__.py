"""Words and rules. No I/O, no await, no clock."""
