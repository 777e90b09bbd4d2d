"""The functions that users name: imported and called, with the files that say what they are."""
