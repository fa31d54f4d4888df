"""What a job takes, asked one way or another: calls, tokens, money, and which way is cheapest."""
