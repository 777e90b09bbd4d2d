"""What a model of Hugging Face transformers needs: its family, preparation of images, classes and loading."""
