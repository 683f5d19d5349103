"""What storygate's handlers do, one module per outside thing. Every boundary is handed its client."""
