"""Leads a live call: asks its flow what comes next, and stores what was said and done."""
