"""The operator's text: queues, entry points, agents and policy, checked, compared and applied."""
