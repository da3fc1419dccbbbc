"""What a client can request and what it is sent: the functions behind the channels, and the notifications."""
