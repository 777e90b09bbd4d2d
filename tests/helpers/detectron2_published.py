"""Names and shapes of the tensors of two published checkpoints of detectron2, derived from their architectures."""

Shapes = dict[str, tuple[int, ...]]


def swin_large_mask2former() -> Shapes:
    """Return those of Mask2Former with Swin-L, for the 19 classes of Cityscapes."""
    found = {**_both("backbone.patch_embed.proj", 192, 3, 4, 4), **_both("backbone.patch_embed.norm", 192)}
    for stage, (depth, heads) in enumerate(zip((2, 2, 18, 2), (6, 12, 24, 48), strict=True)):
        c = 192 * 2**stage
        for i in range(depth):
            block = f"backbone.layers.{stage}.blocks.{i}"
            found |= _both(f"{block}.norm1", c) | _both(f"{block}.norm2", c)
            found |= {f"{block}.attn.relative_position_bias_table": (23 * 23, heads)}
            found |= {f"{block}.attn.relative_position_index": (144, 144)}
            found |= _both(f"{block}.attn.qkv", 3 * c, c) | _both(f"{block}.attn.proj", c, c)
            found |= _both(f"{block}.mlp.fc1", 4 * c, c) | _both(f"{block}.mlp.fc2", c, 4 * c)
        if stage < 3:
            found |= {f"backbone.layers.{stage}.downsample.reduction.weight": (2 * c, 4 * c)}
            found |= _both(f"backbone.layers.{stage}.downsample.norm", 4 * c)
        found |= _both(f"backbone.norm{stage}", c)
    return found | _deformable_pixel_decoder() | _masked_decoder()


def r101c_maskformer() -> Shapes:
    """Return those of MaskFormer with R101c, for 19 classes, as its first version called them."""
    found = _batch_normed("backbone.stem.conv1", 64, 3, 3, 3) | _batch_normed("backbone.stem.conv2", 64, 64, 3, 3)
    found |= _batch_normed("backbone.stem.conv3", 128, 64, 3, 3)
    before = 128
    for stage, depth in enumerate((3, 4, 23, 3)):
        inner, c = 64 * 2**stage, 256 * 2**stage
        for i in range(depth):
            block = f"backbone.res{stage + 2}.{i}"
            found |= _batch_normed(f"{block}.shortcut", c, before, 1, 1) if i == 0 else {}
            found |= _batch_normed(f"{block}.conv1", inner, before, 1, 1)
            found |= _batch_normed(f"{block}.conv2", inner, inner, 3, 3)
            found |= _batch_normed(f"{block}.conv3", c, inner, 1, 1)
            before = c
    head, predictor = "sem_seg_head", "sem_seg_head.predictor"
    found |= _normed(f"{head}.layer_4", 256, 2048, 3, 3)
    for level, c in ((1, 256), (2, 512), (3, 1024)):
        found |= _normed(f"{head}.adapter_{level}", 256, c, 1, 1) | _normed(f"{head}.layer_{level}", 256, 256, 3, 3)
    found |= _both(f"{head}.mask_features", 256, 256, 3, 3)
    for i in range(6):
        layer = f"{predictor}.transformer.decoder.layers.{i}"
        found |= _attention(f"{layer}.self_attn") | _attention(f"{layer}.multihead_attn")
        found |= _both(f"{layer}.linear1", 2048, 256) | _both(f"{layer}.linear2", 256, 2048)
        found |= _both(f"{layer}.norm1", 256) | _both(f"{layer}.norm2", 256) | _both(f"{layer}.norm3", 256)
    found |= _both(f"{predictor}.transformer.decoder.norm", 256) | _both(f"{predictor}.class_embed", 20, 256)
    found |= {f"{predictor}.query_embed.weight": (100, 256), "criterion.empty_weight": (20,)}
    found |= _both(f"{predictor}.input_proj", 256, 2048, 1, 1)
    for i in range(3):
        found |= _both(f"{predictor}.mask_embed.layers.{i}", 256, 256)
    return found


def _deformable_pixel_decoder() -> Shapes:
    found: Shapes = {}
    pixel = "sem_seg_head.pixel_decoder"
    for i, c in enumerate((1536, 768, 384)):
        found |= _both(f"{pixel}.input_proj.{i}.0", 256, c, 1, 1) | _both(f"{pixel}.input_proj.{i}.1", 256)
    found |= {f"{pixel}.transformer.level_embed": (3, 256)}
    rows = {"sampling_offsets": 192, "attention_weights": 96, "value_proj": 256, "output_proj": 256}
    for i in range(6):
        layer = f"{pixel}.transformer.encoder.layers.{i}"
        for name, number in rows.items():
            found |= _both(f"{layer}.self_attn.{name}", number, 256)
        found |= _both(f"{layer}.linear1", 1024, 256) | _both(f"{layer}.linear2", 256, 1024)
        found |= _both(f"{layer}.norm1", 256) | _both(f"{layer}.norm2", 256)
    found |= _both(f"{pixel}.mask_features", 256, 256, 1, 1)
    return found | _normed(f"{pixel}.adapter_1", 256, 192, 1, 1) | _normed(f"{pixel}.layer_1", 256, 256, 3, 3)


def _masked_decoder() -> Shapes:
    found: Shapes = {}
    predictor = "sem_seg_head.predictor"
    for i in range(9):
        found |= _attention(f"{predictor}.transformer_self_attention_layers.{i}.self_attn")
        found |= _attention(f"{predictor}.transformer_cross_attention_layers.{i}.multihead_attn")
        found |= _both(f"{predictor}.transformer_ffn_layers.{i}.linear1", 2048, 256)
        found |= _both(f"{predictor}.transformer_ffn_layers.{i}.linear2", 256, 2048)
        for kind in ("self_attention", "cross_attention", "ffn"):
            found |= _both(f"{predictor}.transformer_{kind}_layers.{i}.norm", 256)
    found |= _both(f"{predictor}.decoder_norm", 256) | _both(f"{predictor}.class_embed", 20, 256)
    found |= {f"{predictor}.{name}.weight": (100, 256) for name in ("query_feat", "query_embed")}
    found |= {f"{predictor}.level_embed.weight": (3, 256), "criterion.empty_weight": (20,)}
    for i in range(3):
        found |= _both(f"{predictor}.mask_embed.layers.{i}", 256, 256)
    return found


def _both(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _normed(name: str, *shape: int) -> Shapes:
    return {f"{name}.weight": shape, **_both(f"{name}.norm", shape[0])}


def _batch_normed(name: str, *shape: int) -> Shapes:
    return _normed(name, *shape) | {f"{name}.norm.running_{part}": shape[:1] for part in ("mean", "var")}


def _attention(name: str) -> Shapes:
    packed: Shapes = {f"{name}.in_proj_weight": (768, 256), f"{name}.in_proj_bias": (768,)}
    return packed | _both(f"{name}.out_proj", 256, 256)
