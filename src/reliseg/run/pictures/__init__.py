"""Pictures of single images, for those who want to see what the numbers mean."""
