"""What the views show: Qt models and controllers without widgets."""
