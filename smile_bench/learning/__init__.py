"""PyTorch building blocks of trainings; none of them knows a task or a demonstration."""
