"""What the source of an app says of the token: who makes it, who stores it, what is left over."""
