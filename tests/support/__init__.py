"""What several kinds of tests share: the real process, and raw sockets to talk to it."""
