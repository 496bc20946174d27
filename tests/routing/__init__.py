"""Proves that routing decides what its policy says, explains it truly, and stays cheap."""
