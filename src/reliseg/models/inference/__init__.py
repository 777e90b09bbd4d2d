"""How a network is asked: at which size, by windows, with mirror images, several times."""
