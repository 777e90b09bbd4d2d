"""What the files beside the tables are called, apart from what reads them, which takes time to import."""

CORRUPTIONS_FILE = "corruptions.csv"
CURVES_FILE = "curves.json"
PICTURES_FOLDER = "pictures"
INDEX_FILE = "index.json"
