"""Mask2Former and MaskFormer as detectron2 saves them: their tensors, read as networks of transformers."""
