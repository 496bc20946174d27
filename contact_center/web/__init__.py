"""HTTP and websockets and only that: who asks, what they ask, and in which words the answer goes back."""
