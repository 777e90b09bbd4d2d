"""Networks of mmsegmentation: their configurations, what these say of inference, and native logits."""
