"""The post: an SMTP server that takes mail for anybody, an IMAP server with the hub's mailbox, letters of
virtual customers."""
