"""Images decoded ahead, predictions one batch ahead of who reads them."""
