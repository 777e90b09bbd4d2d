"""The parts that all kinds of networks in torch share."""
