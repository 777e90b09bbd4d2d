"""The reliability card: what a run says of a model, small enough to lie beside it; as JSON and for Hugging Face."""
