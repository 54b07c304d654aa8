"""Whether the parts that a submission needs do their work, judged by what they did within the last seconds."""
